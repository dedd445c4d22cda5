import Defense

/// A profile at work: its settings, and what its layers remember.
///
/// A class, so that the layers are changed where they are: in a dictionary of structs each packet would move all of
/// them.
final class Entrance {
    let settings: EdgeSettings.Profile
    var passage: Passage

    var name: String { settings.name }
    /// The realm whose credentials are the edge's own business.
    var realm: String? { passage.policy.authentication?.realm }

    init(_ settings: EdgeSettings.Profile, _ passage: Passage) {
        self.settings = settings
        self.passage = passage
    }
}
