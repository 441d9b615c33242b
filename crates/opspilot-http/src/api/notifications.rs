//! What was sent to which channel, and what became of it.

use axum::extract::State as Extract;
use opspilot_core::deliveries::{Delivery, DeliveryFilter, DeliveryState};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, json};
use super::params::Params;
use super::routes::{Input, Shape};
use super::state::State;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NotificationList")]
struct ListBody {
    count: usize,
    notifications: Vec<Delivery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>().paged().query(&[
    Input::list::<DeliveryState>("state", "Deliveries in any of these."),
    Input::text("channel", usize::MAX, "Deliveries to this channel."),
]);

/// `GET /notifications`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let filter = DeliveryFilter {
        states: params.list("state"),
        channel: params.text("channel"),
    };
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let (notifications, next) = state.cx.deliveries.list(&filter, cursor, limit).await?;
    json(&ListBody {
        count: notifications.len(),
        notifications,
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}
