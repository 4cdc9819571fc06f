// Line numbers beside a text area that is marked data-numbered. Without this script it is a plain one.
"use strict";
(() => {
  for (const area of document.querySelectorAll("textarea[data-numbered]")) {
    const frame = document.createElement("div");
    frame.className = "numbered";
    const numbers = document.createElement("pre");
    numbers.setAttribute("aria-hidden", "true");
    area.replaceWith(frame);
    frame.append(numbers, area);
    let shown = 0;
    const count = () => {
      const lines = area.value.split("\n").length;
      if (lines !== shown) {
        numbers.textContent = Array.from({ length: lines }, (_, at) => at + 1).join("\n");
        shown = lines;
      }
    };
    const follow = () => {
      numbers.style.maxHeight = `${area.offsetHeight}px`;
      numbers.scrollTop = area.scrollTop;
    };
    area.addEventListener("input", () => { count(); follow(); });
    area.addEventListener("scroll", follow);
    count();
    follow();
  }
})();
