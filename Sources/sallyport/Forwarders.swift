import Foundation
import NIOSSL
import SallyportConfiguration
import WitnessForwarding

extension Configuration {
    /// The forwarders of the witness. Blocks on the disk for certificates and tokens.
    /// - Throws: `CommandFailure` that names the key and the file.
    func forwarders() throws -> [ForwarderSettings] {
        try witness.forward.enumerated().map { index, forward in
            let place = "witness.forward[\(index)]"
            guard let target = forward.target else {
                throw CommandFailure("\(place): names no host and port")
            }
            let tls = target.isSecure ? try tls(of: forward, at: place) : nil
            var settings: ForwarderSettings
            if let url = forward.http {
                settings = ForwarderSettings(
                    name: forward.name, target: .http(url: url, tls: tls, token: try token(of: forward, at: place)))
            } else {
                let context: NIOSSLContext?
                do {
                    context = try tls.map { try NIOSSLContext(configuration: $0) }
                } catch {
                    throw CommandFailure("\(place): its certificates can't be used: \(error)")
                }
                settings = ForwarderSettings(
                    name: forward.name,
                    target: .syslog(
                        host: target.host, port: Int(target.port), tls: context,
                        format: forward.format == .cef ? .cef : .rfc5424))
            }
            settings.batch = forward.batch
            settings.settle = forward.settle
            settings.hostName = ProcessInfo.processInfo.hostName
            return settings
        }
    }

    private func token(of forward: Witness.Forward, at place: String) throws -> String? {
        guard let reference = forward.token else { return nil }
        guard let token = secret(reference), token.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw CommandFailure(
                "\(place).token: is not there, is empty or holds something that no token has: check the file or variable"
            )
        }
        return token
    }

    private func tls(of forward: Witness.Forward, at place: String) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let trust = forward.trust {
            let path = resolve(trust)
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(path))
            } catch {
                throw CommandFailure("\(place).trust: \(path) can't be read as certificates in PEM: \(error)")
            }
        }
        if let certificate = forward.certificate, let key = forward.key {
            do {
                tls.certificateChain = try NIOSSLCertificate.fromPEMFile(resolve(certificate)).map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: resolve(key), format: .pem))
            } catch {
                throw CommandFailure(
                    "\(place).certificate: \(resolve(certificate)) with \(resolve(key)) can't be used: \(error)")
            }
        }
        return tls
    }
}
