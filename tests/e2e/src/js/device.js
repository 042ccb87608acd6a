// Does to the device `arguments[1]` ("audio" or "video") what `arguments[0]` says, so that the page
// sees what it would of a real one. `arguments[2]` is the name of the error of a request for it.
const [does, kind, error] = arguments;
const devices = navigator.mediaDevices;
const away = (window.madangAway ??= {});
const own = document.querySelector("[data-testid=local-video]").srcObject;
const track = own.getTracks().find((one) => one.kind === kind);
window.madangRequests ??= 0;
devices.getUserMedia = function (constraints) {
  window.madangRequests += 1;
  const name = away[constraints.audio && "audio"] ?? away[constraints.video && "video"];
  if (name) return Promise.reject(new DOMException("as the test says", name));
  return MediaDevices.prototype.getUserMedia.call(devices, constraints);
};
const changed = () => devices.dispatchEvent(new Event("devicechange"));
switch (does) {
  case "hide":
    away[kind] = error;
    break;
  case "end": // `stop()` alone tells nobody
    track.stop();
    track.dispatchEvent(new Event("ended"));
    break;
  case "change":
    changed();
    break;
  case "plug": // several devices come at once, and each is told
    delete away[kind];
    for (let i = 0; i < 5; i += 1) changed();
    break;
  case "mute":
  case "unmute":
    track.dispatchEvent(new Event(does));
    break;
}
return { track: track?.readyState === "live" ? { enabled: track.enabled } : null, requests: window.madangRequests };
