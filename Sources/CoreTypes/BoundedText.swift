extension String {
    /// At most so many characters of it; what strangers write is kept in bounds.
    public func cut(to most: Int) -> String { utf8.count <= most ? self : String(prefix(most)) }
}
