//! Where a node ends: the content-defined boundary rule.
//!
//! The rule sees an item's key, its level and how many items the node has so far, nothing else: not
//! the value, so an update never moves a boundary, and nothing outside the node, so equal content is
//! cut equally whatever edits led to it. It is part of the format: changing it changes every hash.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Items after which a node always ends.
pub(super) const ITEMS_MAX: usize = 128;

/// Whether a node ends after the item with this key, which is its `count`-th item (from 1).
///
/// A threshold of zero never ends a node, so all but the last node of a level have at least four items.
pub(super) fn ends_node(level: u8, key: &[u8], count: usize) -> bool {
    match THRESHOLDS.get(count) {
        Some(0) => false,
        Some(threshold) => xxh3_64_with_seed(key, u64::from(level)) < *threshold,
        None => true,
    }
}

/// `THRESHOLDS[n]` = floor(2^64 * p(n)), where p(n) is the chance that a node of n items ends given that
/// it did not end before, for node sizes in a Weibull distribution of shape 4 and mean 32:
/// p(n) = 1 - exp(-(n^4 - (n-1)^4) / s^4) with scale s = 32 / Γ(5/4), Γ(5/4) = 0.906402477055477077982671...;
/// p(n) = 0 below 4 items. Calculated once with 60 decimal digits and frozen; whole items make the mean
/// 32.5. Index 128 is left out: a node of [`ITEMS_MAX`] items ends.
#[rustfmt::skip]
const THRESHOLDS: [u64; ITEMS_MAX] = [
    0x0000_0000_0000_0000, 0x0000_0000_0000_0000, 0x0000_0000_0000_0000, 0x0000_0000_0000_0000,
    0x0007_61cf_1871_6c3f, 0x000f_908c_63ff_5181, 0x001c_4ce9_3224_c5bc, 0x002e_9939_09a9_272c,
    0x0047_7732_bafa_391f, 0x0067_e7b3_20e7_e20c, 0x0090_ea75_d6f7_7c57, 0x00c3_7dc4_014f_386d,
    0x0100_9e19_4a9a_aff6, 0x0149_45bf_45b7_55a8, 0x019e_6c5f_6b69_01dc, 0x0201_068b_f7c1_78d9,
    0x0272_053f_f73c_1a92, 0x02f2_5556_e0c1_2295, 0x0382_defc_27bf_801d, 0x0424_8513_403c_1501,
    0x04d8_2498_9e00_ea39, 0x059e_93fc_47e3_7ba2, 0x0678_a276_a848_7597, 0x0767_1758_547b_ea3b,
    0x086a_b155_9502_f019, 0x0984_25ce_898f_ad52, 0x0ab4_2014_d391_280d, 0x0bfb_40af_c248_5260,
    0x0d5a_1ca0_0aac_d55a, 0x0ed1_3ca4_240d_3061, 0x1061_1c7e_7004_31d8, 0x120a_2a3e_60e5_a268,
    0x13cc_c58d_dcf0_5e93, 0x15a9_3f04_262f_d7fd, 0x179f_d77f_96cd_16c8, 0x19b0_bf87_876b_ac1c,
    0x1bdc_16b7_b8de_f05f, 0x1e21_eb36_9bd6_e862, 0x2082_3937_cfec_b7cb, 0x22fc_ea8c_2f8a_bca2,
    0x2591_d640_b766_e3b3, 0x2840_c04d_8e86_456d, 0x2b09_5956_66ed_7480, 0x2deb_3e7d_5f25_a934,
    0x30e5_f949_7990_262f, 0x33f8_ffa1_a81b_0423, 0x3723_b3dd_5151_f65c, 0x3a65_64eb_1708_d926,
    0x3dbd_4e8e_8715_0159, 0x412a_99b5_3bd7_8336, 0x44ac_5ce3_ccea_8eb8, 0x4841_9cba_c84d_a1d0,
    0x4be9_4c93_c231_35f7, 0x4fa2_4f36_5d4e_8d19, 0x536b_77a4_ffe1_2851, 0x5743_8a00_ba3c_8b31,
    0x5b29_3c83_b402_52d0, 0x5f1b_3891_449a_71a9, 0x6318_1bda_ab38_a716, 0x671e_7997_2aeb_f862,
    0x6b2c_dbce_2070_7d6c, 0x6f41_c4b1_7a45_c10f, 0x735b_b006_d06a_46a6, 0x7779_149d_3095_4605,
    0x7b98_65cd_8e5e_29b8, 0x7fb8_1503_a4f5_c445, 0x83d6_934c_fa61_be5b, 0x87f2_52eb_9b02_0447,
    0x8c09_c8ea_0ff3_01b5, 0x901b_6eae_03fb_fba1, 0x9425_c387_0177_6e82, 0x9827_4e36_b045_e7f4,
    0x9c1e_9e6f_fd94_17d0, 0xa00a_4e4a_a02b_0d75, 0xa3e9_03a8_7b33_7b21, 0xa7b9_718a_76c4_c873,
    0xab7a_5952_812d_295e, 0xaf2a_8bf0_8d6b_1e65, 0xb2c8_eaf8_8a90_d80c, 0xb654_699f_7c69_4bc8,
    0xb9cc_0d9e_0f4c_9c59, 0xbd2e_eff7_3722_efbf, 0xc07c_3da1_a396_46f1, 0xc3b3_3813_10ca_9bb2,
    0xc6d3_35ac_bbf7_6120, 0xc9db_a208_853b_6093, 0xcccb_fe26_8b3f_f773, 0xcfa3_e07b_50f9_021e,
    0xd262_f4de_c13d_f211, 0xd508_fc5c_a658_d0bd, 0xd795_cce7_6c35_c85b, 0xda09_50ee_41db_00d0,
    0xdc63_86d7_e987_178a, 0xdea4_8063_bd98_fcb4, 0xe0cc_61f2_a298_cfe0, 0xe2db_61b9_cbd0_9303,
    0xe4d1_c6e1_5f61_5ca1, 0xe6af_e891_283e_2542, 0xe876_2ced_9f9d_d71d, 0xea25_0807_ac0e_fa27,
    0xebbc_fac1_823b_a4b0, 0xed3e_91ab_1a8f_7e81, 0xeeaa_63d8_af5e_a34a, 0xf001_11b5_b105_6721,
    0xf143_43d6_90f7_5505, 0xf271_a9cb_b225_7609, 0xf38c_f8f7_b4eb_173f, 0xf495_eb6b_3740_d931,
    0xf58d_3ec7_ffd3_98d3, 0xf673_b32d_6458_d985, 0xf74a_0a2f_91b0_aef6, 0xf811_05db_2fb9_b8be,
    0xf8c9_67c6_abd7_cdcd, 0xf973_f032_44bd_2419, 0xfa11_5d37_c0b3_5611, 0xfaa2_6a0a_8615_caf5,
    0xfb27_ce48_9c8c_2d73, 0xfba2_3d5c_ed74_1bde, 0xfc12_65f2_eb5d_21b9, 0xfc78_f17b_9c05_26c3,
    0xfcd6_83c3_d65b_cb69, 0xfd2b_ba9b_5f1f_7156, 0xfd79_2d8c_6afd_9105, 0xfdbf_6da2_ed07_483c,
    0xfdff_0542_fbf7_69d0, 0xfe38_780d_805c_49f1, 0xfe6c_42d2_4947_bfbf, 0xfe9a_db8e_94b5_dd42,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_rise_and_keep_the_least_size() {
        assert!(THRESHOLDS[..4].iter().all(|threshold| *threshold == 0));
        assert!(THRESHOLDS[3..].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(!ends_node(0, b"key", 3));
        assert!(ends_node(0, b"key", ITEMS_MAX));
    }

    #[test]
    fn mean_is_about_32() {
        let (mut items, mut nodes, mut count) = (0_u32, 0_u32, 0);
        for number in 0..200_000_u32 {
            count += 1;
            items += 1;
            if ends_node(1, &number.to_be_bytes(), count) {
                nodes += 1;
                count = 0;
            }
        }
        let mean = f64::from(items) / f64::from(nodes);
        assert!((31.5..33.5).contains(&mean), "{mean}");
    }
}
