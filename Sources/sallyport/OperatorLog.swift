import CoreTypes
import Foundation
import Logging
import SallyportConfiguration
import Witness

/// The program's own log, on standard error: a line for people or a JSON object for collectors. What strangers wrote
/// stays text: nothing in a line can move the cursor or begin another line.
struct OperatorLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let isJSON: Bool
    private let label: String

    init(label: String, level: Logger.Level, isJSON: Bool) {
        self.label = label
        self.logLevel = level
        self.isJSON = isJSON
    }

    static func logger(_ logging: Configuration.Logging) -> Logger {
        let level = Logger.Level(rawValue: logging.level.rawValue) ?? .info
        return Logger(label: "sallyport") { label in
            OperatorLog(label: label, level: level, isJSON: logging.format == .json)
        }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = CivilTime(millisecondsSince1970: SystemClock.now().wall).rfc3339
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let line: String
        if isJSON {
            let pairs =
                [("timestamp", time), ("level", event.level.rawValue), ("message", "\(event.message)")]
                + all.map { ($0.key, "\($0.value)") }
            line = "{" + pairs.map { "\(quoted($0.0)):\(quoted($0.1))" }.joined(separator: ",") + "}"
        } else {
            let extra = all.map { " \($0.key)=\(JSONText.escaped("\($0.value)"))" }.joined()
            let level = event.level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
            line = "\(time) \(level) \(JSONText.escaped("\(event.message)"))\(extra)"
        }
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    private func quoted(_ text: String) -> String { "\"" + JSONText.escaped(text) + "\"" }
}
