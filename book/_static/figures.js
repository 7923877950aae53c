// Figures change with the theme: the line below each one names its picture for dark pages.
(() => {
  const pictures = () => [...document.querySelectorAll("p.take-home[data-dark]")].flatMap((line) => {
    let place = line;
    do place = place.previousElementSibling; while (place && !place.querySelector("figure img"));
    return place ? [[place.querySelector("figure img"), line.dataset.dark]] : [];
  });

  addEventListener("DOMContentLoaded", () => {
    const page = document.documentElement;
    const both = pictures().map(([image, dark]) => [image, image.getAttribute("src"), dark]);
    const show = () => {
      for (const [image, light, dark] of both) {
        const night = page.dataset.theme === "dark";
        const wanted = night ? dark : light;
        image.classList.toggle("night", night);
        if (image.getAttribute("src") !== wanted) image.src = wanted;
      }
    };
    show();
    new MutationObserver(show).observe(page, { attributeFilter: ["data-theme"] });
  });
})();
