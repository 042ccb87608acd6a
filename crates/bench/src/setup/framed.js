// Waits until the page has set this mark.
const [mark] = arguments;
await new Promise((resolve) => {
  new PerformanceObserver((list) => {
    if (list.getEntriesByName(mark).length > 0) resolve();
  }).observe({ type: "mark", buffered: true });
});
