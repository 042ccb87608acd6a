//! The page's loop: takes what happened, lets the state decide, shows the view, does what is to
//! be done. It owns everything, and nothing it owns is reached from elsewhere: listeners and the
//! room send to it.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures_channel::mpsc::{UnboundedReceiver, unbounded};
use futures_core::Stream;
use gloo_events::EventListener;
use gloo_timers::callback::{Interval, Timeout};
use madang::{IceTransportPolicy, PeerState, Room, RoomEvent, RoomEvents, RoomName, RoomOptions};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Document, Element, HtmlElement, HtmlInputElement, KeyboardEvent, Performance, Window};

use crate::{
    call::CallScreen,
    dom::{Inputs, Missing, find},
    door::{DoorScreen, Link},
    early::Early,
    frame::Frame,
    input::{Copied, Effect, Input},
    room_name::{self, Route},
    start::StartScreen,
    state::{Extent, Place, State},
    view::{self, CallView, View},
    words::Language,
};

/// `history.state` of an address whose page was in the room. A reload keeps it, and it is no
/// part of the link that people send each other.
const INSIDE: &str = "inside";
/// In `localStorage` while calls go through the relay only.
const RELAY_ONLY: &str = "madang:relay-only";
/// How long the answer to "Copy link" stays.
const COPIED_MILLISECONDS: u32 = 2500;
const SECOND_MILLISECONDS: u32 = 1000;
/// To lay out a screen takes as long as to set up a call; so the first screen, and the one that
/// shows somebody coming, wait for a call that is being set up and for its picture, but for each
/// step of it no longer than this.
const HELD_UP_MILLISECONDS: u32 = 300;

/// The page.
#[derive(Debug)]
pub(crate) struct Page {
    window: Window,
    document: Document,
    performance: Performance,
    language: Language,
    inputs: Inputs,
    happened: UnboundedReceiver<Input>,
    state: State,
    /// What is around the screens, from the first one on.
    frame: Option<Frame>,
    main: Element,
    screen: Screen,
    /// The screen of a call, before it is seen.
    ready: Option<CallScreen>,
    early: Early,
    room: Option<(Room, RoomEvents)>,
    seconds: Option<Interval>,
    copied: Option<Timeout>,
    /// What is shown may wait.
    held_up: Option<Timeout>,
    _listeners: [EventListener; 3],
}

#[derive(Debug)]
enum Screen {
    None,
    Start { _screen: StartScreen },
    Door(DoorScreen),
    Call(CallScreen),
}

impl Page {
    /// The page in this document, at the address it was opened with.
    pub(crate) fn new() -> Result<Self, Missing> {
        let window = web_sys::window().ok_or(Missing("window"))?;
        let document = window.document().ok_or(Missing("document"))?;
        let wanted: Vec<String> = window.navigator().languages().iter().filter_map(|tag| tag.as_string()).collect();
        let language = Language::choose(wanted.iter().map(String::as_str));
        let (sender, happened) = unbounded();
        let inputs = Inputs::new(sender);
        let main = find(&document.document_element().ok_or(Missing("html"))?, "#main")?;
        let here = window.clone();
        let _listeners = [
            inputs.listen(&window, "popstate", move |_| Some(opened(&here, false))),
            inputs.listen(&window, "pagehide", |_| Some(Input::PageHidden)),
            inputs.listen(&document, "keydown", |event| event.dyn_ref().and_then(shortcut)),
        ];
        let inside = window.history().and_then(|history| history.state()).is_ok_and(|state| state == INSIDE);
        inputs.send(opened(&window, inside));
        let mut page = Self {
            performance: window.performance().ok_or(Missing("performance"))?,
            state: State { relay_only: remembered(&window).is_some(), ..State::new() },
            screen: Screen::None,
            ready: None,
            early: Early::take(),
            room: None,
            seconds: None,
            copied: None,
            held_up: None,
            window,
            document,
            language,
            inputs,
            happened,
            frame: None,
            main,
            _listeners,
        };
        page.hold_up();
        Ok(page)
    }

    /// Runs as long as the page does.
    pub(crate) async fn run(mut self) -> Result<(), Missing> {
        // What has happened since something was shown.
        let mut unseen: Vec<Input> = vec![];
        while let Some(input) = poll_fn(|context| self.poll_next(context)).await {
            // What happened at the same time is shown at once.
            let mut inputs = vec![input];
            let now = self.performance.now();
            let mut taken = 0;
            while let Some(input) = inputs.get(taken) {
                for effect in self.state.update(now, input) {
                    self.perform(effect);
                }
                taken += 1;
                if let Poll::Ready(Some(next)) = self.poll_next(&mut Context::from_waker(Waker::noop())) {
                    inputs.push(next);
                }
            }
            // Whatever comes first, an address or an event, has opened a room or not.
            self.early.release();
            if inputs.iter().any(|input| self.is_step(input)) {
                self.hold_up();
            } else if inputs.iter().any(|input| matches!(input, Input::HeldUp)) {
                self.held_up = None;
            }
            let held_up = self.held_up.is_some();
            unseen.append(&mut inputs);
            match self.state.extent() {
                Extent::Nothing if held_up => {}
                Extent::Aside if held_up => self.make_ready(&View::of(&self.state, self.language, now))?,
                Extent::Picture if held_up => self.show_picture(&View::of(&self.state, self.language, now))?,
                _ => {
                    self.held_up = None;
                    self.show(&View::of(&self.state, self.language, now))?;
                    for input in unseen.drain(..) {
                        self.attach(&input);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a call that is being set up has come further. A connection that heals while all is
    /// shown holds nothing up.
    fn is_step(&self, input: &Input) -> bool {
        match input {
            Input::Room(RoomEvent::PeerJoined { .. }) => true,
            Input::Room(RoomEvent::PeerState { state: PeerState::Connected, .. }) => self.held_up.is_some(),
            _ => false,
        }
    }

    fn hold_up(&mut self) {
        let inputs = self.inputs.clone();
        self.held_up = Some(Timeout::new(HELD_UP_MILLISECONDS, move || inputs.send(Input::HeldUp)));
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Input>> {
        if let Some((_, events)) = &mut self.room
            && let Poll::Ready(Some(event)) = Pin::new(events).poll_next(context)
        {
            return Poll::Ready(Some(Input::Room(event)));
        }
        Pin::new(&mut self.happened).poll_next(context)
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Address(room) => self.set_history(Address::Push(&room_name::path(&room))),
            Effect::ReturnOnReload(true) => self.set_history(Address::Inside),
            Effect::ReturnOnReload(false) => self.set_history(Address::Outside),
            Effect::Open(room) => self.open(room),
            Effect::Close => self.close(),
            Effect::SetMicrophone(on) => self.with_room(|room| room.set_microphone(on)),
            Effect::SetCamera(on) => self.with_room(|room| room.set_camera(on)),
            Effect::RememberRelayOnly(on) => remember(&self.window, on),
            Effect::Copy => self.copy(),
            Effect::PlaySilently => self.play_all(false),
            Effect::Hear => self.play_all(true),
        }
    }

    fn open(&mut self, room: RoomName) {
        let policy = if self.state.relay_only { IceTransportPolicy::Relay } else { IceTransportPolicy::All };
        match Room::open(self.early.give(RoomOptions::new(room).ice_transport_policy(policy))) {
            Ok(room) => {
                let events = room.events();
                self.room = Some((room, events));
            }
            Err(error) => self.inputs.send(Input::OpenFailed(error.to_string())),
        }
    }

    fn close(&mut self) {
        if let Some((room, _)) = self.room.take() {
            room.leave();
        }
    }

    fn with_room(&self, act: impl FnOnce(&Room)) {
        if let Some((room, _)) = &self.room {
            act(room);
        }
    }

    fn play_all(&self, sound: bool) {
        if let Screen::Call(call) = &self.screen {
            call.play_all(sound);
        }
    }

    fn set_history(&self, address: Address<'_>) {
        let Ok(history) = self.window.history() else { return };
        // Refused only where a browser counts too many changes; then a reload shows the door.
        let _ = match address {
            Address::Push(path) => history.push_state_with_url(&JsValue::NULL, "", Some(path)),
            Address::Inside => history.replace_state(&INSIDE.into(), ""),
            Address::Outside => {
                let path = self.window.location().pathname().unwrap_or_default();
                let hash = self.window.location().hash().unwrap_or_default();
                history.replace_state_with_url(&JsValue::NULL, "", Some(&format!("{path}{hash}")))
            }
        };
    }

    /// Makes a screen with the other's picture, and lays nothing out: while ICE and DTLS are under
    /// way the main thread has time, and when they are done it has none.
    fn make_ready(&mut self, view: &View) -> Result<(), Missing> {
        let view::Screen::Call(call) = &view.screen else { return Ok(()) };
        if !matches!(self.screen, Screen::Call(_)) {
            let mut screen = self.call_screen()?;
            if let Some((room, _)) = &self.room {
                show_others(&mut screen, call, room)?;
            }
            self.ready = Some(screen);
        }
        Ok(())
    }

    /// Shows nothing but the other's picture: to lay out all that is around it would hold it up.
    fn show_picture(&mut self, view: &View) -> Result<(), Missing> {
        let view::Screen::Call(call) = &view.screen else { return Ok(()) };
        if !matches!(self.screen, Screen::Call(_)) {
            let screen = self.call_screen()?;
            self.replace(screen.root.clone(), Screen::Call(screen));
            Frame::show_picture(&self.document);
        }
        if let (Screen::Call(screen), Some((room, _))) = (&mut self.screen, &self.room) {
            show_others(screen, call, room)?;
        }
        Ok(())
    }

    /// The screen of a call: the one that was made ready, if one was.
    fn call_screen(&mut self) -> Result<CallScreen, Missing> {
        match self.ready.take() {
            Some(screen) => Ok(screen),
            None => CallScreen::new(&self.document, &self.inputs, self.language),
        }
    }

    fn show(&mut self, view: &View) -> Result<(), Missing> {
        let first = self.frame.is_none();
        if first {
            self.frame = Some(Frame::new(&self.document, &self.inputs, self.language)?);
        }
        if let Some(frame) = &self.frame {
            frame.show(view);
        }
        let mut opened = first;
        match (&view.screen, &self.screen) {
            (view::Screen::Start, Screen::Start { .. })
            | (view::Screen::Door(_), Screen::Door(_))
            | (view::Screen::Call(_), Screen::Call(_)) => {}
            (view::Screen::Start, _) => {
                let host = self.window.location().host().unwrap_or_default();
                let screen = StartScreen::new(&self.document, &self.inputs, self.language, host)?;
                self.replace(screen.root.clone(), Screen::Start { _screen: screen });
            }
            (view::Screen::Door(_), _) => {
                let screen = DoorScreen::new(&self.document, &self.inputs, self.language)?;
                self.replace(screen.root.clone(), Screen::Door(screen));
            }
            (view::Screen::Call(_), _) => {
                let screen = self.call_screen()?;
                self.replace(screen.root.clone(), Screen::Call(screen));
                opened = true;
            }
        }
        // For a call that ended before it was seen.
        self.ready = None;
        match (&view.screen, &mut self.screen) {
            (view::Screen::Door(door), Screen::Door(screen)) => {
                screen.show(door, &link(&self.window, &door.room), view.copy_words);
            }
            (view::Screen::Call(call), Screen::Call(screen)) => {
                screen.show(call, &link(&self.window, &call.room), view.copy_words)?;
                if opened && let Some((room, _)) = &self.room {
                    // What came before the screen was there.
                    room.local_stream().iter().for_each(|stream| screen.attach_own(stream));
                    room.remote_streams().iter().for_each(|(peer, stream)| screen.attach(peer, stream));
                }
            }
            _ => {}
        }
        self.tick(view.clock.is_some());
        Ok(())
    }

    /// Puts a screen in place of the one before, and the focus on it.
    fn replace(&mut self, root: Element, screen: Screen) {
        let first = matches!(self.screen, Screen::None);
        self.main.replace_children_with_node_1(&root);
        self.screen = screen;
        if !first {
            // Where the focus was is gone; the next Tab begins at the top of the new screen.
            let _ = self.main.unchecked_ref::<HtmlElement>().focus();
        }
    }

    fn tick(&mut self, on: bool) {
        if on && self.seconds.is_none() {
            let inputs = self.inputs.clone();
            self.seconds = Some(Interval::new(SECOND_MILLISECONDS, move || inputs.send(Input::Second)));
        } else if !on {
            self.seconds = None;
        }
    }

    /// Hands the streams of an event to the screen that has been made for it.
    fn attach(&mut self, input: &Input) {
        let Screen::Call(call) = &mut self.screen else { return };
        match input {
            Input::Room(RoomEvent::LocalStream(stream)) => call.attach_own(stream),
            Input::Room(RoomEvent::PeerStream { peer, stream }) => call.attach(peer, stream),
            _ => {}
        }
    }

    fn copy(&mut self) {
        let (Place::Door { room, .. } | Place::Call { room, .. }) = &self.state.place else { return };
        let seen = self.inputs.clone();
        self.copied = Some(Timeout::new(COPIED_MILLISECONDS, move || seen.send(Input::CopiedSeen)));
        self.link_shown(Link::select);
        let inputs = self.inputs.clone();
        // Undefined, whatever its type says, where the origin is not secure.
        let clipboard = self.window.navigator().clipboard();
        if clipboard.is_undefined() {
            inputs.send(Input::Copied(Copied::Selected));
            return;
        }
        let copying = clipboard.write_text(&link(&self.window, room));
        spawn_local(async move {
            let copied = JsFuture::from(copying).await.map_or(Copied::Selected, |_| Copied::Yes);
            inputs.send(Input::Copied(copied));
        });
    }

    fn link_shown(&self, act: impl FnOnce(&Link)) {
        match &self.screen {
            Screen::Door(door) => act(&door.link),
            Screen::Call(call) => act(&call.link),
            Screen::None | Screen::Start { .. } => {}
        }
    }
}

/// Those who are there, with their pictures.
fn show_others(screen: &mut CallScreen, view: &CallView, room: &Room) -> Result<(), Missing> {
    screen.show_others(view)?;
    room.remote_streams().iter().for_each(|(peer, stream)| screen.attach(peer, stream));
    Ok(())
}

/// Whether this browser's calls go through the relay only.
fn remembered(window: &Window) -> Option<String> {
    window.local_storage().ok()??.get_item(RELAY_ONLY).ok()?
}

/// For the calls to come. Where nothing may be stored, the choice holds as long as the page.
fn remember(window: &Window, on: bool) {
    if let Ok(Some(storage)) = window.local_storage() {
        let _ = if on { storage.set_item(RELAY_ONLY, "") } else { storage.remove_item(RELAY_ONLY) };
    }
}

/// A change of `history`.
#[derive(Debug)]
enum Address<'a> {
    Push(&'a str),
    Inside,
    Outside,
}

/// Where the address leads now.
fn opened(window: &Window, inside: bool) -> Input {
    let location = window.location();
    let route = Route::read(&location.pathname().unwrap_or_default(), &location.search().unwrap_or_default());
    Input::Opened { route, inside }
}

fn link(window: &Window, room: &RoomName) -> String {
    window.location().origin().unwrap_or_default() + &room_name::path(room)
}

/// What a key does, when it is not typed into something and carries no modifier.
fn shortcut(event: &KeyboardEvent) -> Option<Input> {
    let typing = event.target().is_some_and(|target| target.has_type::<HtmlInputElement>());
    if typing || event.repeat() || event.ctrl_key() || event.alt_key() || event.meta_key() {
        return None;
    }
    Input::of_key(&event.key(), &event.code())
}
