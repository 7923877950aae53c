// What axe finds on a page. Most of its time goes to the contrast of every word of code, so words
// that look alike, on grounds that look alike, are tried twice, the first and the last; or `all`.
async all => {
    const told = {resultTypes: ["violations"], preload: false}; // a page from disk may not ask for styles
    // Beside axe's own choice, rules that it counts as experimental and that concern this book.
    const rules = {"label-content-name-mismatch": {enabled: true}, "td-has-header": {enabled: true}};
    const but_contrast = {...rules, "color-contrast": {enabled: false}};
    const runs = all
        ? [await axe.run(document, {...told, rules})]
        : [await axe.run(document, {...told, rules: but_contrast}),
           await axe.run({include: firstAndLast()}, {...told, runOnly: ["color-contrast"]})];
    return runs.flatMap(run => run.violations).flatMap(each => each.nodes.map(node =>
        `${each.id} (${each.impact}): ${node.html.slice(0, 200)} ${node.failureSummary}`));

    function firstAndLast() {
        const grounds = new Map([[null, ""]]), alike = new Map();
        for (const box of document.querySelectorAll("body *")) {
            if (![...box.childNodes].some(hasWords) || !isSeen(box)) continue;
            const {color, textShadow, fontSize, fontWeight} = getComputedStyle(box);
            const look = [color, textShadow, fontSize, fontWeight, ground(box)].join();
            alike.set(look, [alike.get(look)?.[0] ?? box, box]);
        }
        return [...new Set([...alike.values()].flat())];

        function hasWords(node) {
            return node.nodeType === Node.TEXT_NODE && node.data.trim();
        }
        function isSeen(box) {
            return box.clientWidth !== 1 && box.checkVisibility({visibilityProperty: true});
        }
        function ground(box) {
            if (!grounds.has(box)) {
                const {backgroundColor, backgroundImage, opacity} = getComputedStyle(box);
                const own = [backgroundColor, backgroundImage, opacity];
                grounds.set(box, [ground(box.parentElement), own].join());
            }
            return grounds.get(box);
        }
    }
}
