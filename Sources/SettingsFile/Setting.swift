/// One value in force: its key path and how it shows.
package struct Setting {
    package var path: String
    /// Tells any two values apart; may be secret.
    package var exact: String
    /// Fit for logs and terminals.
    package var shown: String

    package init(path: String, exact: String, shown: String) {
        self.path = path
        self.exact = exact
        self.shown = shown
    }

    package init<Value>(path: String, _ notation: Notation<Value>, _ value: Value) {
        self.init(path: path, exact: notation.write(value), shown: notation.show(value))
    }
}
