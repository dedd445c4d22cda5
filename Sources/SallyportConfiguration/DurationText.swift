internal import SettingsFile

/// Durations as the configuration and the commands write them: `200ms`, `300s`, `5m`, `24h`, `30d`.
public enum DurationText {
    /// Nil for anything but a whole number with a unit, or a bare 0; nothing longer than ten years.
    public static func parse(_ text: String) -> Duration? {
        try? Notation<Duration>.duration(.zero ... .seconds(3650 * 86_400)).read(text).get()
    }

    /// In the largest unit that needs no fraction.
    public static func text(of duration: Duration) -> String { Notation<Duration>.text(of: duration) }
}
