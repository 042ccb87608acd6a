//! What tells that a device which could not be used may be there now (mediacapture-main section
//! 9.1, permissions section 6).

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
};

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{EventTarget, PermissionState, PermissionStatus};

use super::{media_devices, promise};

/// How long devices are left to settle. One webcam is several devices, which come one by one, and
/// some change again because they were asked for.
const SETTLE_MILLISECONDS: u32 = 300;

/// The listeners of one room.
#[derive(Debug)]
pub(crate) struct DeviceListeners {
    _changes: Vec<EventListener>,
    permissions: Rc<RefCell<Vec<EventListener>>>,
    watched: Cell<bool>,
}

impl DeviceListeners {
    /// Calls `changed` when devices came or went, and when the person comes back to the page:
    /// nothing tells that another program let go of a device.
    pub(crate) fn new(changed: impl Fn() + Clone + 'static) -> Self {
        let settling: Rc<RefCell<Option<Timeout>>> = Rc::default();
        let soon = move || {
            let mut timer = settling.borrow_mut();
            if timer.is_none() {
                let (this, changed) = (Rc::downgrade(&settling), changed.clone());
                *timer = Some(Timeout::new(SETTLE_MILLISECONDS, move || {
                    this.upgrade().and_then(|timer| timer.take());
                    changed();
                }));
            }
        };
        let devices = media_devices::all().ok().map(JsCast::unchecked_into::<EventTarget>);
        let window = web_sys::window().map(JsCast::unchecked_into::<EventTarget>);
        let targets = [(devices, "devicechange"), (window, "focus")];
        let listen = |(target, event): (Option<EventTarget>, &'static str)| {
            let soon = soon.clone();
            target.map(|target| EventListener::new(&target, event, move |_| soon()))
        };
        Self {
            _changes: targets.into_iter().filter_map(listen).collect(),
            permissions: Rc::default(),
            watched: Cell::default(),
        }
    }

    /// Calls `allowed` when the person allows a device, by its name, from now on.
    pub(crate) fn watch_permissions(&self, allowed: impl Fn(&'static str) + Clone + 'static) {
        if self.watched.replace(true) {
            return;
        }
        for name in ["microphone", "camera"] {
            let (listeners, allowed) = (Rc::downgrade(&self.permissions), allowed.clone());
            // A browser that tells no permissions does without.
            if let Ok(status) = query(name) {
                promise::settled(&status, move |status| watch(&listeners, status, move || allowed(name)));
            }
        }
    }
}

fn query(name: &str) -> Result<js_sys::Promise, JsValue> {
    let descriptor = Object::new();
    Reflect::set(&descriptor, &"name".into(), &name.into())?;
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    window.navigator().permissions()?.query(&descriptor).map(JsCast::unchecked_into)
}

fn watch(
    listeners: &Weak<RefCell<Vec<EventListener>>>,
    status: Result<JsValue, JsValue>,
    allowed: impl Fn() + 'static,
) {
    let (Some(listeners), Ok(status)) = (listeners.upgrade(), status) else { return };
    let status: PermissionStatus = status.unchecked_into();
    let target = status.clone();
    let listener = EventListener::new(&target, "change", move |_| {
        if status.state() == PermissionState::Granted {
            allowed();
        }
    });
    listeners.borrow_mut().push(listener);
}
