import CoreTypes
import Testing

@Suite("Keyed hash")
struct KeyedHashTests {
    /// The first of the reference implementation's vectors (`vectors_sip128`): key 00 to 0f, input 00, 01, 02 and so on.
    @Test(
        "the reference vectors of SipHash-2-4 with 128 bits",
        arguments: [
            (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
            (2, "8177228da4a45dc7fca38bdef60affe4"), (15, "5493e99933b0a8117e08ec0f97cfc3d9"),
            (16, "6ee2a4ca67b054bbfd3315bf85230577"),
        ])
    func vectors(length: Int, expected: String) {
        var state = KeyedHash(key: Array(0..<16)).begin()
        let input = (0..<length).map { UInt8($0) }
        input.withUnsafeBytes { state.absorb(raw: $0) }
        #expect(Hexadecimal.string(state.finish().bytes) == expected)
    }

    @Test("octets count the same wherever a word ends, and the borders of parts count")
    func parts() {
        let hash = KeyedHash(key: Array(0..<16))
        func value(_ absorb: (inout KeyedHash.State) -> Void) -> KeyedHash.Value {
            var state = hash.begin()
            absorb(&state)
            return state.finish()
        }
        let octets = (0..<37).map { UInt8($0) }
        let whole = value { state in octets.withUnsafeBytes { state.absorb(raw: $0) } }
        for cut in 0...37 {
            let halves = value { state in
                octets[..<cut].withUnsafeBytes { state.absorb(raw: $0) }
                octets[cut...].withUnsafeBytes { state.absorb(raw: $0) }
            }
            #expect(halves == whole)
        }
        #expect(
            value {
                $0.absorb("ab"); $0.absorb("c")
            }
                != value {
                    $0.absorb("a"); $0.absorb("bc")
                })
        #expect(value { $0.absorb([1, 2, 3], 1..<3) } == value { $0.absorb([2, 3]) })
    }
}
