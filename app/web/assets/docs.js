// Starts Swagger UI on /docs. A file of its own, because the page's policy allows no inline script.
window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null, // else the document would be sent to a validator on another host
    persistAuthorization: false,
    presets: [SwaggerUIBundle.presets.apis],
  });
});
