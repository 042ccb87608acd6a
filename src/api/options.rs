//! From a `RoomOptions` object to options. Whatever does not fit is refused with the field's name.

use std::{fmt::Display, str::FromStr};

use js_sys::{Object, Reflect};
use madang_protocol::Dialect;
use wasm_bindgen::{JsCast, JsValue};

use super::error;
use crate::{peer::IceTransportPolicy, room::RoomOptions};

/// Reads a `RoomOptions` object.
pub(super) fn parse(object: &JsValue) -> Result<RoomOptions, JsValue> {
    if !object.is_instance_of::<Object>() {
        return Err(invalid("pass an object such as { room: \"quiet-river-42\" }"));
    }
    let room = text(object, "room")?.ok_or_else(|| invalid("room is missing"))?;
    let mut options = RoomOptions::new(checked("room", &room)?);
    if let Some(server) = text(object, "server")? {
        options = options.server(server);
    }
    if let Some(name) = text(object, "name")? {
        options = options.name(checked("name", &name)?);
    }
    if let Some(token) = text(object, "token")? {
        options = options.token(checked("token", &token)?);
    }
    match text(object, "dialect")?.as_deref() {
        None | Some("native") => {}
        Some("tutorial") => options = options.dialect(Dialect::Tutorial),
        Some(_) => return Err(invalid("dialect must be \"native\" or \"tutorial\"")),
    }
    match text(object, "iceTransportPolicy")?.as_deref() {
        None | Some("all") => {}
        Some("relay") => options = options.ice_transport_policy(IceTransportPolicy::Relay),
        Some(_) => return Err(invalid("iceTransportPolicy must be \"all\" or \"relay\"")),
    }
    let (audio, audio_constraints) = medium(object, "audio")?;
    let (video, video_constraints) = medium(object, "video")?;
    options = options.audio(audio).video(video).constraints(audio_constraints, video_constraints);
    if let Some(stream) = field(object, "stream")? {
        options = options.stream(&stream);
    }
    if let Some(socket) = field(object, "socket")? {
        options = options.socket(socket);
    }
    Ok(options)
}

fn field(object: &JsValue, name: &str) -> Result<Option<JsValue>, JsValue> {
    let value = Reflect::get(object, &name.into())?;
    Ok((!value.is_undefined() && !value.is_null()).then_some(value))
}

fn text(object: &JsValue, name: &str) -> Result<Option<String>, JsValue> {
    field(object, name)?
        .map(|value| value.as_string().ok_or_else(|| invalid(&format!("{name} must be a string"))))
        .transpose()
}

fn checked<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, JsValue> {
    text.parse().map_err(|error| invalid(&format!("{name} {error}")))
}

/// Whether a medium is wanted, and its constraints for when it is.
fn medium(object: &JsValue, name: &str) -> Result<(bool, JsValue), JsValue> {
    match field(object, name)? {
        None => Ok((true, JsValue::TRUE)),
        Some(value) => match value.as_bool() {
            Some(wanted) => Ok((wanted, JsValue::TRUE)),
            None if value.is_instance_of::<Object>() => Ok((true, value)),
            None => Err(invalid(&format!("{name} must be true, false or MediaTrackConstraints"))),
        },
    }
}

fn invalid(message: &str) -> JsValue {
    error::new("invalid-options", message)
}
