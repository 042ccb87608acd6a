//! The call: the others' pictures, one's own, and the controls.

use gloo_events::EventListener;
use madang::PeerId;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Document, Element, HtmlVideoElement, MediaStream};

use crate::{
    dom::{Inputs, Missing, NextFrame, find, instance, set_attribute, set_flag, set_optional_text, set_text},
    door::Link,
    input::Input,
    view::{Button, CallView, Tile},
    words::{Language, Word},
};

/// The screen of a call.
#[derive(Debug)]
pub(crate) struct CallScreen {
    document: Document,
    inputs: Inputs,
    language: Language,
    pub(crate) root: Element,
    pub(crate) link: Link,
    alone: Element,
    alone_title: Element,
    alone_words: Element,
    tiles: Element,
    others: Vec<OtherTile>,
    hear: Element,
    silent: bool,
    own: Element,
    own_video: HtmlVideoElement,
    own_veil: Element,
    own_muted: Element,
    mic: Element,
    camera: Element,
    _listeners: [EventListener; 4],
}

/// The elements of another peer.
#[derive(Debug)]
struct OtherTile {
    peer: PeerId,
    root: Element,
    veil: Element,
    name: Element,
    route: Element,
    mic: Element,
    camera: Element,
    video: Option<HtmlVideoElement>,
    next_frame: Option<NextFrame>,
}

impl CallScreen {
    /// A fresh call screen.
    pub(crate) fn new(document: &Document, inputs: &Inputs, language: Language) -> Result<Self, Missing> {
        let root = instance(document, "room-screen", language)?;
        let hear: Element = find(&root, "#hear")?;
        let mic: Element = find(&root, "#mic")?;
        let camera: Element = find(&root, "#camera")?;
        let leave: Element = find(&root, "#leave")?;
        let own_video: HtmlVideoElement = find(&root, "#local-video")?;
        own_video.set_muted(true); // the attribute is heeded by the parser, not when a template is copied
        let _listeners = [
            inputs.click(&hear, || Input::Hear),
            inputs.click(&mic, || Input::ToggleMicrophone),
            inputs.click(&camera, || Input::ToggleCamera),
            inputs.click(&leave, || Input::Leave),
        ];
        Ok(Self {
            document: document.clone(),
            inputs: inputs.clone(),
            language,
            link: Link::new(&root, inputs)?,
            alone: find(&root, "#alone")?,
            alone_title: find(&root, "#alone-title")?,
            alone_words: find(&root, "#alone-words")?,
            tiles: find(&root, "#tiles")?,
            others: vec![],
            hear,
            silent: false,
            own: find(&root, "#self")?,
            own_video,
            own_veil: find(&root, "#self-veil")?,
            own_muted: find(&root, "#self-mic")?,
            mic,
            camera,
            root,
            _listeners,
        })
    }

    /// Shows a call.
    pub(crate) fn show(&mut self, view: &CallView, link: &str, copy_words: &str) -> Result<(), Missing> {
        self.show_others(view)?;
        if let Some([title, words]) = view.alone {
            set_text(&self.alone_title, title);
            set_text(&self.alone_words, words);
        }
        self.link.show(link, copy_words);
        self.silent = view.hear;
        set_flag(&self.hear, "hidden", !view.hear);
        press(&self.mic, view.microphone);
        press(&self.camera, view.camera);
        set_optional_text(&self.own_veil, view.own_veil);
        set_flag(&self.own, "data-veiled", view.own_veil.is_some());
        set_flag(&self.own_muted, "hidden", !view.unheard);
        Ok(())
    }

    /// Shows those who are there, or that nobody is.
    pub(crate) fn show_others(&mut self, view: &CallView) -> Result<(), Missing> {
        set_flag(&self.alone, "hidden", view.alone.is_none());
        self.show_tiles(&view.tiles)
    }

    fn show_tiles(&mut self, tiles: &[Tile]) -> Result<(), Missing> {
        self.others.retain(|other| {
            let stays = tiles.iter().any(|tile| tile.peer == other.peer);
            if !stays {
                other.root.remove();
            }
            stays
        });
        for tile in tiles {
            let at = match self.others.iter().position(|other| other.peer == tile.peer) {
                Some(at) => at,
                None => {
                    let other = OtherTile::new(&self.document, self.language, tile.peer.clone())?;
                    // Refused only for a node that cannot be there; this one can.
                    let _ = self.tiles.append_child(&other.root);
                    self.others.push(other);
                    self.others.len() - 1
                }
            };
            self.others[at].show(tile);
        }
        set_attribute(&self.tiles, "data-count", &tiles.len().to_string());
        Ok(())
    }

    /// Shows one's own stream.
    pub(crate) fn attach_own(&self, stream: &MediaStream) {
        attach(&self.own_video, stream);
        self.play(&self.own_video);
    }

    /// Shows the stream of another peer.
    pub(crate) fn attach(&mut self, peer: &PeerId, stream: &MediaStream) {
        let Some(at) = self.others.iter().position(|other| other.peer == *peer) else { return };
        let words = self.language.say(Word::TheirPicture);
        let Some(video) = self.others[at].video(&self.document, words) else { return };
        video.set_muted(self.silent);
        if attach(&video, stream) {
            let (inputs, peer) = (self.inputs.clone(), peer.clone());
            self.others[at].next_frame = NextFrame::of(&video, move || inputs.send(Input::Pictured(peer.clone())));
        }
        self.play(&video);
    }

    /// Plays every picture, with or without sound; one's own too, for a browser that saves power
    /// may have refused that as well.
    pub(crate) fn play_all(&self, sound: bool) {
        self.play(&self.own_video);
        for video in self.others.iter().filter_map(|other| other.video.as_ref()) {
            video.set_muted(!sound);
            self.play(video);
        }
    }

    fn play(&self, video: &HtmlVideoElement) {
        let Ok(playing) = video.play() else { return };
        let inputs = self.inputs.clone();
        spawn_local(async move {
            // Other rejections say that the element or its stream went away meanwhile.
            if let Err(error) = JsFuture::from(playing).await
                && error.dyn_ref::<web_sys::DomException>().is_some_and(|error| error.name() == "NotAllowedError")
            {
                inputs.send(Input::PlayRefused);
            }
        });
    }
}

impl OtherTile {
    fn new(document: &Document, language: Language, peer: PeerId) -> Result<Self, Missing> {
        let root = instance(document, "tile", language)?;
        Ok(Self {
            peer,
            veil: find(&root, ".veil")?,
            name: find(&root, ".name")?,
            route: find(&root, ".route")?,
            mic: find(&root, "[data-testid=remote-mic]")?,
            camera: find(&root, "[data-testid=remote-camera]")?,
            video: None,
            next_frame: None,
            root,
        })
    }

    fn show(&self, tile: &Tile) {
        set_flag(&self.root, "data-hidden", tile.hidden);
        set_optional_text(&self.veil, tile.veil);
        set_text(&self.name, &tile.name);
        let (route, words) = tile.route.as_ref().map_or(("", ""), |(route, words)| (route, words));
        set_attribute(&self.route, "data-route", route);
        set_text(&self.route, words);
        for (element, on, words) in
            [(&self.mic, tile.microphone, tile.microphone_words), (&self.camera, tile.camera, tile.camera_words)]
        {
            set_attribute(element, "data-on", if on { "true" } else { "false" });
            set_attribute(element, "aria-label", words);
            set_attribute(element, "title", words);
        }
    }

    /// The video element, made when there is something to show in it.
    fn video(&mut self, document: &Document, words: &str) -> Option<HtmlVideoElement> {
        if self.video.is_none() {
            let video: HtmlVideoElement = document.create_element("video").ok()?.dyn_into().ok()?;
            for (name, value) in
                [("data-testid", "remote-video"), ("autoplay", ""), ("playsinline", ""), ("aria-label", words)]
            {
                set_attribute(&video, name, value);
            }
            self.root.prepend_with_node_1(&video).ok()?;
            self.video = Some(video);
        }
        self.video.clone()
    }
}

impl Drop for OtherTile {
    fn drop(&mut self) {
        if let Some(video) = &self.video {
            video.set_src_object(None);
        }
    }
}

/// Sets `srcObject` once for a stream: setting it again would restart the picture. `true` if it is
/// another than before.
fn attach(video: &HtmlVideoElement, stream: &MediaStream) -> bool {
    let shown = video.src_object();
    let other = shown.as_ref().map(AsRef::<JsValue>::as_ref) != Some(stream.as_ref());
    if other {
        video.set_src_object(Some(stream));
    }
    other
}

fn press(button: &Element, view: Button) {
    set_attribute(button, "aria-pressed", if view.pressed { "true" } else { "false" });
    set_attribute(button, "title", view.tip);
    set_flag(button, "data-lost", view.lost);
}
