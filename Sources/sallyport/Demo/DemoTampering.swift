import Foundation

/// Somebody who would like the log to say something else.
enum DemoTampering {
    /// Copies a log and makes one refusal in the copy look like a success.
    static func copy(_ directory: String, to copy: String) throws {
        try? FileManager.default.removeItem(atPath: copy)
        try FileManager.default.copyItem(atPath: directory, toPath: copy)
        let logs = try FileManager.default.contentsOfDirectory(atPath: copy).filter { $0.hasPrefix("witness-") }
            .sorted()
        guard let log = logs.first else { throw CommandFailure("\(copy) holds no log") }
        let path = copy + "/" + log
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let refusal = text.range(of: "\"event_type\":\"AUTH_FAILED\"") else {
            throw CommandFailure("\(path) holds no refusal to edit")
        }
        try text.replacingCharacters(in: refusal, with: "\"event_type\":\"AUTH_SUCCESS\"")
            .write(toFile: path, atomically: false, encoding: .utf8)
    }
}
