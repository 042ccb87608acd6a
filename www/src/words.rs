//! Every word the page says, in English and Korean.
//!
//! A [`Word`] cannot be added in one language only. Words that name something have a slot,
//! `{}`, which [`Language::fill`] fills. Errors come in pairs: what happened, and what to do next.

/// A language the page speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Korean,
}

impl Language {
    /// The first of the reader's languages (BCP 47, most wanted first) that the page speaks.
    pub(crate) fn choose<'a>(wanted: impl IntoIterator<Item = &'a str>) -> Self {
        wanted
            .into_iter()
            .find_map(|tag| match tag.split('-').next().unwrap_or_default() {
                primary if primary.eq_ignore_ascii_case("ko") => Some(Self::Korean),
                primary if primary.eq_ignore_ascii_case("en") => Some(Self::English),
                _ => None,
            })
            .unwrap_or(Self::English)
    }

    /// The value of the `lang` attribute.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// A word in this language.
    pub(crate) fn say(self, word: Word) -> &'static str {
        let [english, korean] = word.texts();
        match self {
            Self::English => english,
            Self::Korean => korean,
        }
    }

    /// A word in this language with its slot filled.
    pub(crate) fn fill(self, word: Word, value: &str) -> String {
        self.say(word).replace("{}", value)
    }
}

macro_rules! words {
    ($($word:ident: $english:literal, $korean:literal;)*) => {
        /// Something the page says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Word { $($word),* }

        impl Word {
            const ALL: &[Self] = &[$(Self::$word),*];

            /// Its name, as `data-t` attributes have it.
            fn name(self) -> &'static str {
                match self { $(Self::$word => stringify!($word)),* }
            }

            fn texts(self) -> [&'static str; 2] {
                match self { $(Self::$word => [$english, $korean]),* }
            }
        }
    };
}

impl Word {
    /// The word with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.name() == name)
    }
}

words! {
    // Start.
    Headline: "Meet in the courtyard.", "마당에서 만나요.";
    Lead: "A video call for two that goes straight from one browser to the other. Open a room, send its link, and you are together.",
        "두 사람의 브라우저를 바로 잇는 영상 통화입니다. 방을 열고 링크를 보내면 곧 만납니다.";
    MakeRoom: "Make a room", "방 만들기";
    EnterLabel: "Or go to a room you were invited to", "초대받은 방이 있다면";
    EnterPlaceholder: "Link or room name", "링크 또는 방 이름";
    Enter: "Go in", "가기";
    PromisePeer: "Picture and sound travel encrypted between the two browsers; the server only introduces you.",
        "영상과 소리는 암호화되어 두 브라우저 사이로만 오갑니다. 서버는 둘을 소개만 합니다.";
    PromiseNothing: "No account, nothing to install, nothing recorded.", "가입도 설치도 없고, 아무것도 녹화하지 않습니다.";

    // At the door.
    DoorLead: "Send this link to the one you want to meet, then go in.", "만날 사람에게 이 링크를 보내고 들어가세요.";
    LinkLabel: "Link to this room", "이 방의 링크";
    CopyLink: "Copy link", "링크 복사";
    Copied: "Copied", "복사했어요";
    CopyByHand: "Press Ctrl+C", "Ctrl+C를 누르세요";
    Join: "Join", "들어가기";
    JoinAgain: "Join again", "다시 들어가기";
    TryAgain: "Try again", "다시 해 보기";
    AsksForCamera: "Your browser then asks for the camera and the microphone. You can also go in without.",
        "들어가면 브라우저가 카메라와 마이크를 써도 되는지 묻습니다. 없이도 들어갈 수 있습니다.";
    RelayOnly: "Hide my address: the call goes through the server, still encrypted",
        "내 주소 숨기기: 통화가 암호화된 채로 서버를 거칩니다";
    OtherRoom: "To another room", "다른 방으로";

    // The state of the call.
    Connecting: "Connecting…", "연결하는 중…";
    Waiting: "Waiting for the other", "상대를 기다리는 중";
    Calling: "Someone is here, connecting…", "상대가 왔어요, 연결하는 중…";
    Connected: "Connected", "통화 중";
    Reconnecting: "Connection lost, restoring…", "연결이 끊겨 되살리는 중…";
    ServerAway: "Connected, the server is away", "통화 중, 서버는 자리를 비움";
    Left: "The other has left", "상대가 나갔어요";
    Ended: "Call ended", "통화가 끝났어요";

    // In the room.
    AloneTitle: "Nobody else is here yet", "아직 아무도 없어요";
    AloneWords: "Send the link; the call starts as soon as they come in.", "링크를 보내세요. 상대가 들어오면 바로 시작합니다.";
    LeftTitle: "They have left", "상대가 나갔어요";
    LeftWords: "Stay here and they can come back with the same link.", "여기 있으면 같은 링크로 다시 들어올 수 있습니다.";
    YourPicture: "Your picture", "내 화면";
    YourCameraOff: "Your camera is off", "내 카메라 꺼짐";
    YourCameraLost: "No picture from your camera", "내 카메라 화면 없음";
    YourCameraStarting: "Camera is starting…", "카메라 켜는 중…";
    TheirPicture: "The other's picture", "상대 화면";
    TheirCameraOff: "Their camera is off", "상대가 카메라를 껐어요";
    TheyConnect: "Connecting…", "연결하는 중…";
    TheyAreUnreachable: "There is no way to them yet", "아직 이어질 길이 없어요";
    TheyReconnect: "Restoring the picture…", "화면을 되살리는 중…";
    NetworkChanged: "Another network: finding the way…", "네트워크가 바뀌어 길을 다시 찾는 중…";
    PathLost: "The connection broke: finding another way…", "연결이 끊겨 다른 길을 찾는 중…";
    MediaStopped: "Nothing comes through: finding another way…", "아무것도 오지 않아 다른 길을 찾는 중…";
    PeerReloaded: "They are coming back…", "상대가 돌아오는 중…";
    BackAfter: "back after {} s", "{}초 만에 돌아옴";
    TheirMicIsOff: "Their microphone is off", "상대 마이크 꺼짐";
    TheirMicIsOn: "Their microphone is on", "상대 마이크 켜짐";
    TheirCameraIsOff: "Their camera is off", "상대 카메라 꺼짐";
    TheirCameraIsOn: "Their camera is on", "상대 카메라 켜짐";
    RouteDirect: "Direct", "직접 연결";
    RouteRelayUdp: "Through the server", "서버 경유";
    RouteRelayTcp: "Through the server, over TCP", "서버 경유, TCP";
    RouteRelayTls: "Through the server, over TLS", "서버 경유, TLS";
    Controls: "Call controls", "통화 조작";
    Mute: "Mute", "음소거";
    MuteTip: "Mute (M)", "음소거 (M)";
    UnmuteTip: "Unmute (M)", "음소거 풀기 (M)";
    CameraOff: "Camera off", "카메라 끄기";
    CameraOffTip: "Camera off (V)", "카메라 끄기 (V)";
    CameraOnTip: "Camera on (V)", "카메라 켜기 (V)";
    MicrophoneLostTip: "Microphone not available (M)", "마이크를 쓸 수 없음 (M)";
    CameraLostTip: "Camera not available (V)", "카메라를 쓸 수 없음 (V)";
    Leave: "Leave", "나가기";
    TapToHear: "Tap to hear", "눌러서 소리 듣기";
    Dismiss: "Dismiss", "닫기";

    // How a call ended, at the door.
    YouLeft: "You left the room.", "방에서 나왔어요.";

    // Errors: what happened, and the next step.
    Camera: "camera", "카메라";
    Microphone: "microphone", "마이크";
    CameraAndMicrophone: "camera and microphone", "카메라와 마이크";
    Denied: "The {} may not be used.", "{}를 쓸 수 없게 되어 있습니다.";
    DeniedStep: "Allow it through the icon beside the address; if it does not start then, try again. The call goes on without.",
        "주소창 옆 아이콘에서 허용하세요. 그래도 켜지지 않으면 다시 해 보세요. 통화는 없이도 이어집니다.";
    Busy: "Another program is using the {}.", "다른 프로그램이 {}를 쓰고 있습니다.";
    BusyStep: "Close that program; it starts when you come back to this page. The call goes on without.",
        "그 프로그램을 닫고 이 페이지로 돌아오면 켜집니다. 통화는 없이도 이어집니다.";
    NoDevice: "No {} was found.", "{}를 찾지 못했습니다.";
    NoDeviceStep: "Plug one in; it starts by itself. The call goes on without.", "연결하면 저절로 켜집니다. 통화는 없이도 이어집니다.";
    Insecure: "This address is not secure, so the browser gives no {}.", "안전한 주소가 아니어서 브라우저가 {}를 내주지 않습니다.";
    InsecureStep: "Open the room over https, or on this computer as localhost. You still see and hear the other.",
        "https 주소로 열거나, 이 컴퓨터라면 localhost로 여세요. 상대는 그대로 보이고 들립니다.";
    DeviceEnded: "The {} was unplugged or taken away.", "{}를 더는 쓸 수 없습니다. 뽑혔거나 권한이 바뀌었습니다.";
    DeviceEndedStep: "Plug it in again, or another: it comes back by itself. The call goes on without.",
        "다시 꽂거나 다른 것을 연결하면 저절로 돌아옵니다. 통화는 없이도 이어집니다.";
    Interrupted: "Something else is using the {}, or it is switched off.", "다른 곳에서 {}를 쓰고 있거나 기기에서 꺼져 있습니다.";
    InterruptedStep: "It comes back by itself, such as when a phone call ends. The call goes on without.",
        "전화가 끝났을 때처럼, 쓸 수 있게 되면 저절로 돌아옵니다. 통화는 없이도 이어집니다.";
    DeviceFailed: "The {} did not start.", "{}를 켜지 못했습니다.";
    DeviceFailedStep: "Plug it in again or restart the browser, then try again. The call goes on without.",
        "다시 꽂거나 브라우저를 다시 켠 다음 해 보세요. 통화는 없이도 이어집니다.";
    Unreachable: "This network lets the call through neither straight nor by way of the server.",
        "이 네트워크에서는 통화가 직접으로도, 서버를 거쳐서도 이어지지 않습니다.";
    UnreachableStep: "Try another network, such as a phone's. If it stays so, whoever runs the server can look with madang-server check.",
        "휴대전화 같은 다른 네트워크에서 해 보세요. 그래도 안 되면 서버 운영자가 madang-server check로 살펴볼 수 있습니다.";
    HiddenUnreachable: "Your address is hidden, so the call goes by way of the server only, and its relay cannot be reached.",
        "주소를 숨겨서 서버를 거쳐야만 하는데, 통화를 넘겨줄 서버에 닿지 않습니다.";
    HiddenUnreachableStep: "Leave and go in again without hiding your address, or try another network.",
        "나갔다가 주소 숨기기를 끄고 다시 들어오거나, 다른 네트워크에서 해 보세요.";
    RoomFull: "The room is full.", "방이 꽉 찼습니다.";
    RoomFullStep: "Wait until someone leaves and try again, or make another room.", "누가 나간 뒤에 다시 해 보거나, 다른 방을 만드세요.";
    ServerGone: "The server does not answer.", "서버가 대답하지 않습니다.";
    ServerGoneStep: "Check your network, then try again.", "네트워크를 확인한 다음 다시 해 보세요.";
    Stopping: "The server is being restarted.", "서버가 다시 켜지는 중입니다.";
    StoppingStep: "Try again in a moment.", "잠시 뒤에 다시 해 보세요.";
    Replaced: "This call was opened in another page.", "이 통화를 다른 창에서 열었습니다.";
    ReplacedStep: "Go on there, or join again to have it here.", "그 창에서 계속하거나, 다시 들어가면 여기서 이어집니다.";
    Removed: "You were removed from this room.", "이 방에서 내보내졌습니다.";
    RemovedStep: "Ask whoever runs this server, or make another room.", "서버 운영자에게 문의하거나, 다른 방을 만드세요.";
    RoomClosed: "This room was closed.", "이 방은 닫혔습니다.";
    RoomClosedStep: "Make another room and share its link.", "다른 방을 만들어 링크를 나누세요.";
    InvalidRoom: "That is not a room name.", "방 이름이 아닙니다.";
    InvalidRoomStep: "Use 1 to 64 characters without / \\ ? #, or paste the whole link.", "/ \\ ? # 없이 1~64자로 쓰거나, 링크를 통째로 붙여 넣으세요.";
    OtherServer: "That link belongs to another server, {}.", "다른 서버({})의 링크입니다.";
    OtherServerStep: "Open it in the browser's address bar.", "브라우저 주소창에 넣어 여세요.";
    OldPage: "This page and the server do not match.", "이 페이지와 서버의 버전이 다릅니다.";
    OldPageStep: "Reload the page.", "페이지를 새로 고치세요.";
    Failed: "The call could not go on: {}", "통화를 이어 갈 수 없습니다: {}";
    FailedStep: "Try again; if it stays so, reload the page.", "다시 해 보고, 그래도 안 되면 페이지를 새로 고치세요.";
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &str = include_str!("../index.html");

    #[test]
    fn every_word_is_there_in_both_languages() {
        for &word in Word::ALL {
            let [english, korean] = word.texts();
            assert!(!english.trim().is_empty() && !korean.trim().is_empty(), "{word:?}");
            assert!(korean.chars().any(|c| ('가'..='힣').contains(&c)), "{word:?} is not Korean: {korean}");
            assert!(english.is_ascii() || english.ends_with('…'), "{word:?} is not English: {english}");
            assert_eq!(english.matches("{}").count(), korean.matches("{}").count(), "{word:?} has other slots");
            assert_eq!(Word::named(word.name()), Some(word));
        }
    }

    /// Every `…="Name"` of an attribute, with what follows it.
    fn attributes<'a>(attribute: &str) -> impl Iterator<Item = (Word, &'a str)> {
        HTML.split(&format!(" {attribute}=\"")).skip(1).collect::<Vec<_>>().into_iter().map(|rest| {
            let (name, rest) = rest.split_once('"').expect("a closing quote");
            (Word::named(name).unwrap_or_else(|| panic!("index.html names no word with {name}")), rest)
        })
    }

    #[test]
    fn the_markup_says_what_the_table_says() {
        let mut seen = 0;
        for (word, rest) in attributes("data-t") {
            let text = rest.split_once('>').and_then(|(_, rest)| rest.split_once('<')).map(|(text, _)| text);
            assert_eq!(text, Some(Language::English.say(word)), "{word:?}");
            seen += 1;
        }
        for (attribute, plain) in [("data-t-label", "aria-label"), ("data-t-placeholder", "placeholder")] {
            for (word, rest) in attributes(attribute) {
                let start = format!(" {plain}=\"{}\"", Language::English.say(word));
                assert!(rest.starts_with(&start), "{word:?}");
                seen += 1;
            }
        }
        assert_eq!(
            seen,
            HTML.matches(" data-t").count()
                - HTML.matches(" data-trunk").count()
                - HTML.matches(" data-testid").count()
        );
    }

    #[test]
    fn the_readers_first_spoken_language_is_taken() {
        assert_eq!(Language::choose(["ko-KR", "en-US"]), Language::Korean);
        assert_eq!(Language::choose(["fr", "ko", "en"]), Language::Korean);
        assert_eq!(Language::choose(["en-GB", "ko"]), Language::English);
        assert_eq!(Language::choose(["kok", "de"]), Language::English);
        assert_eq!(Language::choose([]), Language::English);
    }

    #[test]
    fn slots_are_filled() {
        assert_eq!(Language::English.fill(Word::NoDevice, "camera"), "No camera was found.");
        assert_eq!(Language::Korean.fill(Word::NoDevice, "카메라"), "카메라를 찾지 못했습니다.");
    }
}
