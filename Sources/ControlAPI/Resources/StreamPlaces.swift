internal import Synchronization

/// How many streams may be open at a time: each reads the log for itself.
final class StreamPlaces: Sendable {
    let count: Int
    private let taken = Mutex(0)

    /// One of the places; may be left any number of times.
    final class Place: Sendable {
        private let places: StreamPlaces
        private let isTaken = Mutex(true)

        fileprivate init(_ places: StreamPlaces) { self.places = places }

        func leave() {
            let wasTaken = isTaken.withLock { isTaken in
                defer { isTaken = false }
                return isTaken
            }
            if wasTaken { places.taken.withLock { $0 -= 1 } }
        }

        deinit { leave() }
    }

    init(_ count: Int) { self.count = count }

    /// Nil when all are taken.
    func take() -> Place? {
        let isFree = taken.withLock { taken in
            guard taken < count else { return false }
            taken += 1
            return true
        }
        return isFree ? Place(self) : nil
    }
}
