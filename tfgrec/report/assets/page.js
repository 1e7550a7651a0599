(() => {
  "use strict";
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const figures = [...document.querySelectorAll("script[data-figure]")].map((data) => ({
    element: document.getElementById(data.dataset.figure),
    ...JSON.parse(data.textContent),
  }));

  // What differs between light and dark is read from the page's own style.
  function themed(layout) {
    const style = getComputedStyle(root);
    const value = (name) => style.getPropertyValue(name).trim();
    const result = {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: value("--muted") },
      hoverlabel: {
        bgcolor: value("--surface"), bordercolor: value("--line"), font: { color: value("--ink"), size: 12 },
      },
    };
    for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      result[name] = {
        ...layout[name], gridcolor: value("--line"), linecolor: value("--line"), zerolinecolor: value("--muted"),
      };
    }
    return result;
  }

  function draw() {
    for (const figure of figures) {
      Plotly.react(figure.element, figure.data, themed(figure.layout), { displayModeBar: false, responsive: true });
    }
  }

  function apply(theme) {
    root.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    draw();
  }

  button.addEventListener("click", () => apply(root.dataset.theme === "dark" ? "light" : "dark"));
  systemDark.addEventListener("change", (event) => apply(event.matches ? "dark" : "light"));
  apply(systemDark.matches ? "dark" : "light");
})();
