internal import Foundation
internal import FoundationXML

/// An XML document as a tree that can be changed and written again without loss of what this program doesn't know.
/// Comments and what stands between elements are left out, attributes are kept.
struct XMLTree: Hashable, Sendable {
    var name: String
    var attributes: [String: String] = [:]
    var text = ""
    var children: [XMLTree] = []

    init(_ name: String, text: String = "", _ children: [XMLTree] = []) {
        self.name = name
        self.text = text
        self.children = children
    }

    func child(_ name: String) -> XMLTree? { children.first { $0.name == name } }

    /// Below these names, one after the other; nil where one is missing.
    func text(_ path: String...) -> String? {
        var tree: XMLTree? = self
        for name in path { tree = tree?.child(name) }
        return tree?.text
    }

    // MARK: Writing

    var document: [UInt8] { Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\(element)".utf8) }

    /// Without the declaration.
    var element: String {
        let attributes = attributes.sorted { $0.key < $1.key }
            .map { " \($0.key)=\"\(Self.escaped($0.value))\"" }.joined()
        let content = children.isEmpty ? Self.escaped(text) : children.map(\.element).joined()
        return "<\(name)\(attributes)>\(content)</\(name)>"
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\r", "\n", "\t": escaped += "&#\(scalar.value);"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    // MARK: Reading

    /// - Returns: nil for what is no whole document, or nested deeper than anything that S3 has.
    static func read(_ body: [UInt8]) -> XMLTree? {
        let parser = XMLParser(data: Data(body))
        let builder = Builder()
        parser.delegate = builder
        guard parser.parse(), parser.parserError == nil, builder.open.isEmpty else { return nil }
        return builder.root
    }

    private final class Builder: NSObject, XMLParserDelegate {
        private static let deepest = 64
        var open: [XMLTree] = []
        var root: XMLTree?

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            guard open.count < Self.deepest else { return parser.abortParsing() }
            var element = XMLTree(name)
            element.attributes = attributes
            open.append(element)
        }

        func parser(_ parser: XMLParser, foundCharacters text: String) {
            if !open.isEmpty { open[open.count - 1].text += text }
        }

        func parser(_ parser: XMLParser, foundCDATA block: Data) {
            if !open.isEmpty { open[open.count - 1].text += String(decoding: block, as: UTF8.self) }
        }

        func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
            guard var element = open.popLast() else { return }
            if !element.children.isEmpty { element.text = "" }
            if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
        }
    }
}
