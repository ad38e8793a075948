// What Python sends for a widget (widgets.py, controls.py), as types: there is nothing here to run.

/** @typedef {number | string | { op: string, args: Tree[] }} Tree A number, a name, or an operation on trees. */
/** @typedef {[name: string, tree: Tree]} Step */
/** @typedef {Record<string, number>} Numbers By the name of a control, a definition, an output, a looked-up number. */
/** @typedef {string | number | boolean} Setting What a control is set to. */
/** @typedef {Record<string, Setting>} Settings */
/** @typedef {Record<string, any>} Data Tables of tables of rows. */

/**
 * @typedef {object} SliderSpec
 * @property {"slider"} kind
 * @property {string} name
 * @property {string} label
 * @property {number} minimum
 * @property {number} maximum
 * @property {number} step
 * @property {number} scale What a value is multiplied by to be a whole number, which formulas see.
 * @property {string} unit
 * @property {string[]} divides The names of the numbers whose common divisors the buttons go to.
 */

/**
 * @typedef {object} ChoiceSpec
 * @property {"choice"} kind
 * @property {string} name
 * @property {string} label
 * @property {[value: string | number, text: string][]} options
 * @property {number[]} codes The number that formulas see for each option.
 */

/** @typedef {{ kind: "toggle", name: string, label: string }} ToggleSpec */
/** @typedef {SliderSpec | ChoiceSpec | ToggleSpec} Control */
/** @typedef {{ table: string, keys: string[], names: string[] }} Lookup */

/**
 * @typedef {object} Output
 * @property {string} name
 * @property {string} label
 * @property {string} unit
 * @property {number | null} digits
 * @property {string} help
 * @property {string[]} words What is shown instead of the numbers 0, 1, 2 ...
 * @property {number | null} alarm From this value on it stands out.
 */

/** @typedef {{ label: string, cells: string[] }} TableRow The names of outputs, one a column. */
/** @typedef {{ caption: string, columns: string[], rows: TableRow[], bars: boolean }} Table */
/** @typedef {"connectivity" | "sliding" | "shuffle" | "roofline" | "sweep"} PictureKind */
/** @typedef {{ kind: PictureKind, uses: string[] }} Picture */

/**
 * @typedef {object} Spec
 * @property {string} name
 * @property {string} title
 * @property {string} description
 * @property {Control[]} controls
 * @property {Lookup[]} lookups
 * @property {Step[]} definitions Computed for every setting, in this order.
 * @property {[holds: Tree, message: string][]} checks
 * @property {Step[]} results Computed after the checks; the outputs are among them.
 * @property {Output[]} outputs
 * @property {string[]} headline
 * @property {Table[]} tables
 * @property {Picture[]} pictures
 */

/** @typedef {Output & { number: Intl.NumberFormat }} ShownOutput */
/** @typedef {Record<string, ShownOutput>} Outputs By name. */

export {};
