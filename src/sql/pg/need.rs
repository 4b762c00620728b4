//! What a query asks of one relation: names of schemas, of tables, OIDs.
//!
//! Taken from the conditions that the planner hands down to the relation. A need may let more through than
//! the conditions, never less: they are applied again to the rows.

use std::collections::BTreeSet;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::layout::{INFORMATION_SCHEMA, PG_CATALOG};
use super::pattern::Pattern;

/// The function whose answer is whether a table can be named without its schema.
pub(super) const VISIBLE: &str = "pg_table_is_visible";

/// What a column says of a schema or of a table or view.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Role {
    SchemaName,
    SchemaOid,
    RelationName,
    RelationOid,
    /// The OID of a schema, which is always `pg_catalog`.
    System,
    /// Something else, and never the OID of a schema or table.
    Other,
}

/// Texts, one of which a name is.
type Choice = Vec<Pattern>;

/// What is asked. Everything in it must hold.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Need {
    pub(super) schemas: BTreeSet<Choice>,
    pub(super) schema_oids: BTreeSet<BTreeSet<i64>>,
    pub(super) relations: BTreeSet<Choice>,
    pub(super) relation_oids: BTreeSet<BTreeSet<i64>>,
    /// OIDs of tables whose schemas are asked for.
    pub(super) schemas_of: BTreeSet<BTreeSet<i64>>,
    /// Only what the search path finds.
    pub(super) visible: bool,
    /// OIDs that are known only while the query runs: whatever was handed out may be asked for.
    pub(super) any_oid: bool,
    /// Schemas that are named in one of several alternatives. They restrict nothing, and are looked for.
    pub(super) mentioned: BTreeSet<Choice>,
}

/// What a column of a relation says.
pub(super) fn role(schema: &str, relation: &str, column: &str) -> Option<Role> {
    match (schema, relation, column) {
        (PG_CATALOG, "pg_namespace", "nspname")
        | (INFORMATION_SCHEMA, "schemata", "schema_name") => Some(Role::SchemaName),
        (PG_CATALOG, "pg_namespace", "oid") | (PG_CATALOG, "pg_class", "relnamespace") => {
            Some(Role::SchemaOid)
        }
        (PG_CATALOG, "pg_type", "typnamespace") | (PG_CATALOG, "pg_collation", "collnamespace") => {
            Some(Role::System)
        }
        (PG_CATALOG, "pg_class", "oid")
        | (PG_CATALOG, "pg_attribute", "attrelid")
        | (PG_CATALOG, "pg_description", "objoid")
        | (PG_CATALOG, "pg_stat_all_tables" | "pg_stat_user_tables", "relid") => {
            Some(Role::RelationOid)
        }
        (
            PG_CATALOG,
            "pg_tables" | "pg_views" | "pg_stat_all_tables" | "pg_stat_user_tables",
            "schemaname",
        )
        | (INFORMATION_SCHEMA, _, "table_schema") => Some(Role::SchemaName),
        (PG_CATALOG, "pg_tables", "tablename")
        | (PG_CATALOG, "pg_views", "viewname")
        | (PG_CATALOG, "pg_class" | "pg_stat_all_tables" | "pg_stat_user_tables", "relname")
        | (INFORMATION_SCHEMA, _, "table_name") => Some(Role::RelationName),
        _ => None,
    }
}

/// One condition on one column.
enum Condition {
    Names(Choice),
    Oids(BTreeSet<i64>),
}

impl Need {
    /// Adds a condition.
    pub(super) fn restrict(&mut self, role: &dyn Fn(&str) -> Option<Role>, condition: &Expr) {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) = condition {
            self.restrict(role, left);
            self.restrict(role, right);
            return;
        }
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) = condition
            && read(role, condition).is_none()
        {
            let mut sides = [Self::default(), Self::default()];
            for (side, condition) in sides.iter_mut().zip([left, right]) {
                side.restrict(role, condition);
            }
            let [left, right] = sides;
            self.either(left, right);
            return;
        }
        if let Expr::ScalarFunction(call) = condition
            && call.name() == VISIBLE
            && let [argument] = call.args.as_slice()
            && column(argument).and_then(|(name, _)| role(name)) == Some(Role::RelationOid)
        {
            self.visible = true;
            return;
        }
        let Some((role, condition)) = read(role, condition) else { return };
        match (role, condition) {
            (Role::SchemaName, Condition::Names(names)) => drop(self.schemas.insert(names)),
            (Role::RelationName, Condition::Names(names)) => drop(self.relations.insert(names)),
            (Role::SchemaOid, Condition::Oids(oids)) => drop(self.schema_oids.insert(oids)),
            (Role::RelationOid, Condition::Oids(oids)) => drop(self.relation_oids.insert(oids)),
            _ => {}
        }
    }

    /// Looks for schemas that a condition on several relations names, which restricts none of them.
    pub(super) fn mention(&mut self, condition: &Expr) {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) =
            condition
        {
            self.mention(left);
            self.mention(right);
            return;
        }
        let role = |name: &str| {
            let schema = ["nspname", "schemaname", "table_schema", "schema_name"].contains(&name);
            schema.then_some(Role::SchemaName)
        };
        if let Some((_, Condition::Names(choice))) = read(&role, condition)
            && names(&choice)
        {
            self.mentioned.insert(choice);
        }
    }

    /// Adds that one of two needs holds.
    fn either(&mut self, left: Self, right: Self) {
        fn joined<T: Clone, C: Clone + IntoIterator<Item = T> + Extend<T> + Ord>(
            left: &BTreeSet<C>,
            right: &BTreeSet<C>,
        ) -> Option<C> {
            let mut first = left.first()?.clone();
            first.extend(right.first()?.clone());
            Some(first)
        }
        self.schemas.extend(joined(&left.schemas, &right.schemas));
        self.relations.extend(joined(&left.relations, &right.relations));
        self.schema_oids.extend(joined(&left.schema_oids, &right.schema_oids));
        let relation_oids = joined(&left.relation_oids, &right.relation_oids);
        let by_oid = [&left, &right]
            .iter()
            .any(|side| !side.relation_oids.is_empty() || !side.schema_oids.is_empty());
        self.any_oid |= left.any_oid || right.any_oid || (by_oid && relation_oids.is_none());
        self.relation_oids.extend(relation_oids);
        self.visible |= left.visible && right.visible;
        for side in [left, right] {
            self.mentioned.extend(side.mentioned);
            self.mentioned.extend(side.schemas.into_iter().filter(|choice| names(choice)));
        }
    }

    /// Takes over what another relation is asked, where the two are equal in columns of this role.
    pub(super) fn absorb(&mut self, other: &Self, role: Role) {
        if matches!(role, Role::System | Role::Other) {
            return;
        }
        if role != Role::RelationName {
            self.schemas.extend(other.schemas.iter().cloned());
            self.schema_oids.extend(other.schema_oids.iter().cloned());
            self.schemas_of.extend(other.schemas_of.iter().cloned());
            self.any_oid |= other.any_oid;
        }
        if matches!(role, Role::SchemaName | Role::SchemaOid) {
            self.schemas_of.extend(other.relation_oids.iter().cloned());
        }
        if matches!(role, Role::RelationName | Role::RelationOid) {
            self.relations.extend(other.relations.iter().cloned());
        }
        if role == Role::RelationOid {
            self.relation_oids.extend(other.relation_oids.iter().cloned());
        }
        // Here a table is visible if its schema is in the search path.
        self.visible |= other.visible && role != Role::RelationName;
    }

    /// Whether a schema is named: then it is looked for, wherever it is.
    pub(super) fn names_schemas(&self) -> bool {
        !self.schema_oids.is_empty()
            || !self.schemas_of.is_empty()
            || self.schemas.iter().any(|choice| names(choice))
    }

    pub(super) fn wants_schema(&self, name: &str) -> bool {
        self.schemas.iter().all(|choice| choice.iter().any(|one| one.matches(name)))
    }

    pub(super) fn wants_relation(&self, name: &str) -> bool {
        self.relations.iter().all(|choice| choice.iter().any(|one| one.matches(name)))
    }

    /// The few names that a table can have; `None` if they are not few.
    pub(super) fn relation_names(&self) -> Option<Vec<String>> {
        self.relations
            .iter()
            .find_map(|choice| choice.iter().map(Pattern::text).collect::<Option<Vec<_>>>())
    }

    /// OIDs of tables, of which each is in every set.
    pub(super) fn relations_by_oid(&self) -> Option<BTreeSet<i64>> {
        common(&self.relation_oids)
    }

    /// OIDs of tables, one of which is in each schema that is asked for.
    pub(super) fn tables_of_schemas(&self) -> Option<BTreeSet<i64>> {
        common(&self.schemas_of)
    }

    /// OIDs of schemas, of which each is in every set.
    pub(super) fn schemas_by_oid(&self) -> Option<BTreeSet<i64>> {
        common(&self.schema_oids)
    }
}

/// Whether each pattern of a choice says how a name starts.
pub(super) fn names(choice: &[Pattern]) -> bool {
    choice.iter().all(|one| one.text().is_some() || !one.prefix().is_empty())
}

fn common(sets: &BTreeSet<BTreeSet<i64>>) -> Option<BTreeSet<i64>> {
    let mut sets = sets.iter();
    let first = sets.next()?.clone();
    Some(sets.fold(first, |common, set| common.intersection(set).copied().collect()))
}

/// The column behind casts and changes of case, and whether its case was changed.
fn column(expr: &Expr) -> Option<(&str, bool)> {
    match expr {
        Expr::Column(column) => Some((&column.name, false)),
        Expr::Alias(alias) => column(&alias.expr),
        Expr::Cast(cast) => column(&cast.expr),
        Expr::TryCast(cast) => column(&cast.expr),
        Expr::ScalarFunction(call) if matches!(call.name(), "lower" | "upper") => {
            let [argument] = call.args.as_slice() else { return None };
            Some((column(argument)?.0, true))
        }
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        Expr::Alias(alias) => text(&alias.expr),
        Expr::Cast(cast) => text(&cast.expr),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(value, _) => scalar_number(value),
        Expr::Alias(alias) => number(&alias.expr),
        Expr::Cast(cast) => number(&cast.expr),
        _ => None,
    }
}

fn scalar_number(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int8(number) => number.map(i64::from),
        ScalarValue::Int16(number) => number.map(i64::from),
        ScalarValue::Int32(number) => number.map(i64::from),
        ScalarValue::UInt32(number) => number.map(i64::from),
        ScalarValue::Int64(number) => *number,
        ScalarValue::Decimal128(Some(number), _, 0) => i64::try_from(*number).ok(),
        other => other.try_as_str().flatten()?.trim().parse().ok(),
    }
}

/// One condition on one column that has a role.
fn read(role: &dyn Fn(&str) -> Option<Role>, expr: &Expr) -> Option<(Role, Condition)> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::Or => either(read(role, left)?, read(role, right)?),
            Operator::Eq | Operator::IsNotDistinctFrom => {
                let (at, value) = match column(left) {
                    Some(at) => (at, right),
                    None => (column(right)?, left),
                };
                one_of(role, at, std::slice::from_ref(value.as_ref()))
            }
            Operator::RegexMatch | Operator::RegexIMatch => {
                let (name, folded) = column(left)?;
                let fold = folded || *op == Operator::RegexIMatch;
                Some((
                    name_role(role, name)?,
                    Condition::Names(Pattern::regex(&text(right)?, fold)),
                ))
            }
            Operator::LikeMatch | Operator::ILikeMatch => {
                let (name, folded) = column(left)?;
                let fold = folded || *op == Operator::ILikeMatch;
                let pattern = Pattern::like(&text(right)?, None, fold);
                Some((name_role(role, name)?, Condition::Names(vec![pattern])))
            }
            _ => None,
        },
        Expr::Like(like) if !like.negated => {
            let (name, folded) = column(&like.expr)?;
            let fold = folded || like.case_insensitive;
            let pattern = Pattern::like(&text(&like.pattern)?, like.escape_char, fold);
            Some((name_role(role, name)?, Condition::Names(vec![pattern])))
        }
        Expr::InList(InList { expr, list, negated: false }) => one_of(role, column(expr)?, list),
        Expr::ScalarFunction(call) if matches!(call.name(), "array_has" | "list_contains") => {
            let [Expr::Literal(list, _), item] = call.args.as_slice() else { return None };
            let items: Vec<Expr> =
                items(list)?.into_iter().map(|item| Expr::Literal(item, None)).collect();
            one_of(role, column(item)?, &items)
        }
        _ => None,
    }
}

fn name_role(role: &dyn Fn(&str) -> Option<Role>, column: &str) -> Option<Role> {
    role(column).filter(|role| matches!(role, Role::SchemaName | Role::RelationName))
}

/// The items of a list.
fn items(list: &ScalarValue) -> Option<Vec<ScalarValue>> {
    let ScalarValue::List(list) = list else { return None };
    let values = list.values();
    (0..values.len()).map(|at| ScalarValue::try_from_array(values, at).ok()).collect()
}

fn one_of(
    role: &dyn Fn(&str) -> Option<Role>,
    (column, folded): (&str, bool),
    values: &[Expr],
) -> Option<(Role, Condition)> {
    let role = role(column)?;
    let null = |value: &&Expr| !matches!(value, Expr::Literal(value, _) if value.is_null());
    let values = values.iter().filter(null);
    let condition = match role {
        Role::SchemaName | Role::RelationName => Condition::Names(
            values
                .map(|value| Some(Pattern::exact(&text(value)?, folded)))
                .collect::<Option<_>>()?,
        ),
        Role::SchemaOid | Role::RelationOid => {
            Condition::Oids(values.map(number).collect::<Option<_>>()?)
        }
        Role::System | Role::Other => return None,
    };
    Some((role, condition))
}

fn either(left: (Role, Condition), right: (Role, Condition)) -> Option<(Role, Condition)> {
    match (left, right) {
        ((one, Condition::Names(mut left)), (other, Condition::Names(right))) if one == other => {
            left.extend(right);
            Some((one, Condition::Names(left)))
        }
        ((one, Condition::Oids(mut left)), (other, Condition::Oids(right))) if one == other => {
            left.extend(right);
            Some((one, Condition::Oids(left)))
        }
        _ => None,
    }
}
