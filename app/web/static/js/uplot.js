// uPlot, which a page loads before its modules.

export default globalThis.uPlot;
