/** Builds and changes what is shown. All text goes through text nodes, never through markup. */

/**
 * An element. Attributes that are false, null or undefined are left out, true ones are empty; a function under
 * `onclick` listens for `click`. Children are nodes, texts, numbers and lists of these; null and false are skipped.
 */
export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) continue;
        if (typeof value === 'function') element.addEventListener(name.slice(2), value);
        else element.setAttribute(name, value === true ? '' : value);
    }
    element.append(...contents(children));
    return element;
}

/** Replaces what is in an element; children as for `h`. */
export function fill(element, ...children) {
    element.replaceChildren(...contents(children));
}

function contents(children) {
    return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
        .map((child) => (child instanceof Node ? child : visible(String(child))));
}

export function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
}

/** Control characters and those that turn the direction of text stand as what they are, so that none can mislead. */
function visible(text) {
    return text.replace(
        /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
        (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** What each child that `reconcile` put somewhere was built from. */
const origins = new WeakMap();

/**
 * Makes a parent's children show these values. Those whose value is the same stay as they are, so that nothing flashes
 * and focus, selection and opened details survive a refresh.
 */
export function reconcile(parent, values, key, build) {
    const present = new Map([...parent.children].map((child) => [origins.get(child)?.key, child]));
    let refocus = null;
    const wanted = values.map((value) => {
        const origin = { key: key(value), text: JSON.stringify(value) };
        const there = present.get(origin.key);
        if (there && origins.get(there).text === origin.text) return there;
        const child = build(value);
        origins.set(child, origin);
        if (there?.contains(document.activeElement)) refocus = [child, controls(there).indexOf(document.activeElement)];
        return child;
    });
    const staying = new Set(wanted);
    for (const child of present.values()) if (!staying.has(child)) child.remove();
    wanted.forEach((child, place) => {
        if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    });
    if (refocus) controls(refocus[0])[refocus[1]]?.focus();
}

const controls = (element) => [...element.querySelectorAll('a, button, summary')];

/**
 * A table in a region of its own that scrolls where it is too wide.
 * Columns: `title`, `cell(row)`; `class`; `head` for the cell that names its row; `unseen`: the title is for the ear.
 */
export function table({ caption, columns, key, empty }) {
    const body = h('tbody');
    const region = h('div', { class: 'region', role: 'region', 'aria-label': caption, tabindex: 0 },
        h('table', {},
            h('caption', { class: 'unseen' }, caption),
            h('thead', {}, h('tr', {}, columns.map((column) => h('th', { scope: 'col', class: column.class },
                column.unseen ? h('span', { class: 'unseen' }, column.title) : column.title)))),
            body));
    const none = h('p', { class: 'empty' }, empty);
    const row = (value) => h('tr', {}, columns.map((column) => (column.head
        ? h('th', { scope: 'row', class: column.class }, column.cell(value))
        : h('td', { class: column.class }, column.cell(value)))));
    const update = (values) => {
        reconcile(body, values, key, row);
        region.hidden = values.length === 0;
        none.hidden = values.length > 0;
    };
    update([]);
    return { element: h('div', { class: 'tabular' }, region, none), update };
}

/** Names and values; those without a value are left out. */
export function facts(pairs) {
    const known = pairs.filter(([, value]) => value !== undefined && value !== null && value !== '');
    return h('dl', { class: 'facts' },
        known.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

/** A short word with a sign before it; `tone`: good, fair, bad, plain. */
export const badge = (tone, text) => h('span', { class: `badge ${tone}` }, text);

/** A choice between a few views of the same thing: `[text, address, isCurrent]` each. */
export function choice(label, options) {
    return h('nav', { class: 'choice', 'aria-label': label }, options.map(([text, href, isCurrent]) =>
        h('a', { href, 'aria-current': isCurrent && 'true' }, text)));
}

export const section = (title, { actions, id, wide } = {}, ...children) =>
    h('section', { class: wide ? 'panel wide' : 'panel', 'aria-labelledby': id },
        h('div', { class: 'head' }, h('h2', { id }, title), actions && h('div', { class: 'actions' }, actions)),
        children);

/** Tells what has been done; it goes by itself. */
export function announce(text) {
    const notice = h('p', {}, text);
    document.getElementById('notices').append(notice);
    setTimeout(() => notice.remove(), 8000);
}
