// Milliseconds from the start of the navigation to each mark that the page set, and to its load.
const [navigation] = performance.getEntriesByType("navigation");
const marks = performance.getEntriesByType("mark").map((mark) => [mark.name, mark.startTime]);
return Object.fromEntries([["load", navigation.responseEnd], ...marks.reverse()]);
