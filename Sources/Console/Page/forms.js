/** Forms that show each error at the field that it names, and dialogs. */
import { h, fill, announce } from './dom.js';
import { Problem } from './api.js';

let serial = 0;

/**
 * A field: `name` as the API calls it, `label`; `type` (`text`, `password`, `number`, `select`, `checkbox`, `lines`,
 * `list` for texts between commas, `checks` for several of its options, or one that HTML knows), `hint`, `required`,
 * `value`, `options` of `[value, text]` or texts.
 *
 * `run` gets the values that are not empty, under their names; when it throws a Problem, that is shown.
 */
export function form({ fields, submit, run, cancel, isDangerous, isInline }) {
    const parts = fields.map((one) => field(one, fields.length > 1));
    const fault = h('p', { class: 'fault', role: 'alert', hidden: true });
    const send = h('button', { type: 'submit', class: isDangerous ? 'danger' : 'primary' }, submit);

    const fail = (problem) => {
        const unplaced = problem.fields.filter(({ field, detail }) => {
            const part = parts.find(({ name }) => name === String(field).split(/[.[/]/)[0]);
            part?.fail(detail);
            return !part;
        });
        const said = unplaced.map(({ field, detail }) => `${field}: ${detail}`);
        fill(fault, said.length ? said.join(' ') : problem.fields.length ? '' : problem.message);
        fault.hidden = !fault.textContent;
        parts.find(({ isFaulty }) => isFaulty())?.focus();
    };

    const onsubmit = async (event) => {
        event.preventDefault();
        parts.forEach((part) => part.fail(null));
        fault.hidden = true;
        const missing = parts.filter((part) => part.isMissing());
        if (missing.length) {
            fail({ fields: missing.map(({ name }) => ({ field: name, detail: 'This is needed.' })) });
            return;
        }
        send.disabled = true;
        try {
            const values = parts.map(({ name, read }) => [name, read()]);
            await run(Object.fromEntries(values.filter(([, value]) => value !== undefined)));
        } catch (error) {
            if (!(error instanceof Problem)) throw error;
            fail(error);
        } finally {
            send.disabled = false;
        }
    };

    // Post, so that no value could end up in an address even without the listener.
    const element = h('form', { method: 'post', novalidate: true, class: isInline ? 'inline' : 'stacked', onsubmit },
        parts.map((part) => part.element), fault,
        h('div', { class: 'buttons' }, send, cancel && h('button', { type: 'button', onclick: cancel }, 'Cancel')));
    return { element, fail };
}

function field({ name, label, type = 'text', hint, required, value, options = [] }, isMarked) {
    const id = `field-${serial += 1}`;
    const error = h('p', { class: 'fault', id: `${id}-fault`, hidden: true });
    const control = input(type, {
        id, name, 'aria-required': required && 'true', spellcheck: 'false', autocapitalize: 'none', autocomplete: 'off',
        'aria-describedby': `${hint ? `${id}-hint ` : ''}${id}-fault`,
    }, value, options);
    const hinted = hint && h('p', { class: 'hint', id: `${id}-hint` }, hint);
    const text = () => control.value.trim();
    const read = {
        checkbox: () => control.checked,
        number: () => (text() ? Number(text()) : undefined),
        list: () => text().split(',').map((part) => part.trim()).filter(Boolean),
        password: () => control.value || undefined,
        checks: () => [...control.querySelectorAll(':checked')].map((box) => box.value),
    }[type] ?? (() => text() || undefined);
    const mark = required && isMarked && h('span', { class: 'quiet' }, ' (needed)');
    const named = type === 'checks' ? control : [h('label', { for: id }, label, mark), control];
    return {
        name,
        read,
        element: h('div', { class: `field ${type}` }, named, hinted, error),
        isMissing: () => required && [read()].flat().every((part) => part === undefined),
        isFaulty: () => !error.hidden,
        focus: () => (control.querySelector('summary') ?? control).focus(),
        fail: (detail) => {
            fill(error, detail);
            error.hidden = !detail;
            if (detail) control.setAttribute('aria-invalid', 'true');
            else control.removeAttribute('aria-invalid');
        },
    };
}

function input(type, attributes, value, options) {
    const choices = options.map((option) => (Array.isArray(option) ? option : [option, option]));
    switch (type) {
    case 'select':
        return h('select', attributes, choices.map(([key, text]) =>
            h('option', { value: key, selected: key === (value ?? '') }, text)));
    case 'lines':
        return Object.assign(h('textarea', { ...attributes, rows: 4 }), { value: value ?? '' });
    case 'checks':
        return h('details', { class: 'checks', open: value.length > 0 },
            h('summary', { id: attributes.id, 'aria-describedby': attributes['aria-describedby'] }, 'Types'),
            h('div', {}, choices.map(([key, text]) => h('label', {},
                h('input', { type: 'checkbox', name: key, value: key, checked: value.includes(key) }), text))));
    case 'checkbox':
        return h('input', { ...attributes, type, checked: value });
    case 'datetime-local':
        return h('input', { ...attributes, type, value, step: 1 });
    default:
        return h('input', { ...attributes, value, type: type === 'list' ? 'text' : type });
    }
}

/** Opens a dialog with what `build` makes; it gets the function that closes it, and the dialog. */
export function dialog(title, build) {
    const id = `dialog-${serial += 1}`;
    const element = h('dialog', { 'aria-labelledby': id, onclose: () => element.remove() }, h('h2', { id }, title));
    element.append(build(() => element.close(), element));
    document.body.append(element);
    element.showModal();
}

/** Asks before something is done that can't be taken back. */
export function confirm({ title, text, action, done, run }) {
    dialog(title, (close) => h('div', {}, h('p', {}, text), form({
        fields: [], submit: action, isDangerous: true, cancel: close,
        run: async () => {
            await run();
            close();
            announce(done);
        },
    }).element));
}

/** A form in a dialog; it closes when `run` has come to its end, and `done` is told. */
export function ask({ title, text, fields, submit, done, run }) {
    dialog(title, (close) => h('div', {}, text && h('p', {}, text), form({
        fields, submit, cancel: close,
        run: async (values) => {
            await run(values);
            close();
            announce(done);
        },
    }).element));
}
