package dev.hydra.api;

import java.util.Locale;

/** Puts numbers and names into messages for users. */
public final class Messages {
  private static final String[] BYTES = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  private static final double KIBI = 1024;

  private Messages() {}

  /**
   * Says how many there are, such as {@code 1 token} or {@code 1,024 tokens}.
   *
   * @param singular the word for one, whose plural has an s more
   */
  public static String count(long number, String singular) {
    return String.format(Locale.ROOT, "%,d %s%s", number, singular, number == 1 ? "" : "s");
  }

  /** Says how many bytes, such as {@code 1.5 GiB}. */
  public static String bytes(double number) {
    double scaled = number;
    int unit = 0;
    while (scaled >= KIBI && unit < BYTES.length - 1) {
      scaled /= KIBI;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.1f %s", scaled, BYTES[unit]);
  }

  /**
   * Writes a name, such as the path of a file, as an argument of a command that is to be copied: in
   * quotes where a shell would split or change it.
   */
  public static String argument(Object name) {
    String text = name.toString();
    return text.matches("[\\w./:@%+=-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
  }
}
