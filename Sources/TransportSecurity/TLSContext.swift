public import NIOCore
public import NIOSSL

/// What TLS connections of one direction are made with, all from one reading of the files.
public struct TLSContext: Sendable {
    /// The library's part, which without `verifier` would verify paths alone.
    public let ssl: NIOSSLContext
    /// Nil where peers are asked for no certificate.
    public let verifier: PeerVerifier?

    package init(ssl: NIOSSLContext, verifier: PeerVerifier?) {
        self.ssl = ssl
        self.verifier = verifier
    }

    /// For an accepted connection; to be called on its loop.
    /// - Parameter onFault: told why the peer's certificate is refused, before the handshake fails for it.
    public func serverHandler(
        on loop: any EventLoop, onFault: @escaping (CertificateFault) -> Void
    ) -> NIOSSLServerHandler {
        guard let verifier else { return NIOSSLServerHandler(context: ssl) }
        return NIOSSLServerHandler(
            context: ssl, customVerificationCallback: verifier.callback(NIOLoopBound(onFault, eventLoop: loop)))
    }

    /// For a connection that was opened from here; to be called on its loop.
    /// - Parameters:
    ///   - name: the host that is asked for (RFC 6066 section 3); nil for an address.
    ///   - onFault: told why the peer's certificate is refused, before the handshake fails for it.
    public func clientHandler(
        name: String?, on loop: any EventLoop, onFault: @escaping (CertificateFault) -> Void
    ) throws -> NIOSSLClientHandler {
        guard let verifier else { return try NIOSSLClientHandler(context: ssl, serverHostname: name) }
        return try NIOSSLClientHandler(
            context: ssl, serverHostname: name,
            customVerificationCallback: verifier.callback(NIOLoopBound(onFault, eventLoop: loop)))
    }
}
