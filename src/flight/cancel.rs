//! `CancelFlightInfo` and the older `CancelQuery`: end a statement by the `FlightInfo` of its result.

use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult};
use arrow_flight::{CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo};
use prost::Message as _;

use super::door::Shared;
use super::error::{FlightResult, invalid};

/// The type of the action.
pub(super) const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";

/// The numbers of `ActionCancelQueryResult.CancelResult`.
const CANCELED: i32 = 1;
const NOT_CANCELABLE: i32 = 3;

/// `CancelFlightInfo`; its body and its answer are not wrapped.
pub(super) fn flight_info(shared: &Shared, body: &[u8]) -> FlightResult<Vec<u8>> {
    let request = CancelFlightInfoRequest::decode(body)
        .map_err(|error| invalid(format!("the body is no CancelFlightInfoRequest: {error}")))?;
    let info = request.info.ok_or_else(|| invalid("nothing is named that could be canceled"))?;
    let status =
        if cancel(shared, &info) { CancelStatus::Cancelled } else { CancelStatus::NotCancellable };
    Ok(CancelFlightInfoResult::new(status).encode_to_vec())
}

/// `CancelQuery`
pub(super) fn query(
    shared: &Shared,
    request: &ActionCancelQueryRequest,
) -> FlightResult<ActionCancelQueryResult> {
    let info = FlightInfo::decode(&*request.info)
        .map_err(|error| invalid(format!("there is no FlightInfo in the request: {error}")))?;
    let result = if cancel(shared, &info) { CANCELED } else { NOT_CANCELABLE };
    Ok(ActionCancelQueryResult { result })
}

/// Whether there was something: what has been read to its end cannot be canceled.
fn cancel(shared: &Shared, info: &FlightInfo) -> bool {
    let mut found = false;
    for handle in super::info::handles(info) {
        if let Ok(pending) = shared.results.get(&handle) {
            pending.cancel();
            found = true;
        }
    }
    found
}
