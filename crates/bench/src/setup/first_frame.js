// Runs in every document before the page: notes when the first frame of the other is presented.
(() => {
  const remote = "#remoteVideo, [data-testid=remote-video]";
  const watched = new WeakSet();
  const look = () => {
    for (const video of document.querySelectorAll(remote)) {
      if (watched.has(video)) continue;
      watched.add(video);
      video.requestVideoFrameCallback(() => {
        if (performance.getEntriesByName("first-frame").length === 0) performance.mark("first-frame");
      });
    }
  };
  const attributes = { attributeFilter: ["id", "data-testid"] };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, ...attributes });
})();
