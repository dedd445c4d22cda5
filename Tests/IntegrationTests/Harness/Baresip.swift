import CoreTypes
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A baresip of its own, driven over its control connection (ctrl_tcp: JSON in netstrings). It hears what it says.
final class Baresip: Sendable {
    let process: ChildProcess
    private let channel: any Channel
    private let inbox: Inbox

    /// Starts it with one account, without registration.
    /// - Parameters:
    ///   - account: a line of baresip's `accounts` file.
    ///   - authority: PEM of whom it trusts.
    static func start(account: String, authority: String, in directory: String) async throws -> Baresip {
        let home = directory + "/baresip"
        let port = try FreePort.next()
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        let modules = [
            "module_tmp account.so", "module aubridge.so", "module g711.so", "module_app menu.so",
            "module_app ctrl_tcp.so",
        ]
        let files = [
            "accounts": account, "contacts": "",
            "config": """
            sip_listen 127.0.0.1:0
            sip_cafile \(authority)
            audio_source aubridge,none
            audio_player aubridge,none
            audio_alert aubridge,none
            module_path \(try modulePath())
            \(modules.joined(separator: "\n"))
            ctrl_tcp_listen 127.0.0.1:\(port)
            """,
        ]
        for (name, text) in files { try Data((text + "\n").utf8).write(to: URL(fileURLWithPath: "\(home)/\(name)")) }
        let process = try ChildProcess(
            "baresip", try PeerProgram.baresip.require(), ["-f", home, "-4", "-n", "127.0.0.1"], in: directory)
        try await process.prints("baresip is ready.")
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in channel.pipeline.addHandler(inbox) }
            .connect(host: "127.0.0.1", port: Int(port)).get()
        return Baresip(process, channel, inbox)
    }

    private init(_ process: ChildProcess, _ channel: any Channel, _ inbox: Inbox) {
        self.process = process
        self.channel = channel
        self.inbox = inbox
    }

    private static func modulePath() throws -> String {
        let places = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"]
        guard let place = places.first(where: FileManager.default.fileExists(atPath:)) else {
            throw Failure("baresip's modules are in none of \(places)")
        }
        return place
    }

    func command(_ name: String, _ parameters: String = "") async throws {
        let text = "{\"command\":\"\(name)\",\"params\":\"\(parameters)\"}"
        try await channel.writeAndFlush(ByteBuffer(string: "\(text.utf8.count):\(text),")).get()
    }

    /// Waits until baresip tells of an event, such as `CALL_ESTABLISHED`.
    func tells(_ event: String) async throws {
        do {
            try await eventually("baresip tells \(event)") { inbox.text.contains("\"type\":\"\(event)\"") }
        } catch {
            throw Failure("\(error); it told:\n\(inbox.text)\nand printed:\n\(process.output)")
        }
    }

    func stop() async throws {
        try await channel.close()
        try await process.kill()
    }
}

/// Keeps what comes.
private final class Inbox: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let received = Mutex("")

    var text: String { received.withLock { $0 } }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = String(buffer: unwrapInboundIn(data))
        received.withLock { $0 += part }
    }
}
