// Starts Redoc on /redoc. A file of its own, because the page's policy allows no inline script.
window.addEventListener("load", () => {
  Redoc.init("openapi.json", { hideDownloadButtons: false, nativeScrollbars: true }, document.getElementById("redoc"));
});
