package dev.hydra.api;

import java.util.Locale;

/** Puts numbers and names into messages for users. */
public final class Messages {
  private Messages() {}

  /**
   * Says how many there are, such as {@code 1 token} or {@code 1,024 tokens}.
   *
   * @param singular the word for one, whose plural has an s more
   */
  public static String count(long number, String singular) {
    return String.format(Locale.ROOT, "%,d %s%s", number, singular, number == 1 ? "" : "s");
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
