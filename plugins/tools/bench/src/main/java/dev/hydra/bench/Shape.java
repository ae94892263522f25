package dev.hydra.bench;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The shape of a batch.
 *
 * @param batch its rows
 * @param tokens the tokens of a row
 */
public record Shape(int batch, int tokens) {
  private static final Pattern TEXT = Pattern.compile("([1-9]\\d{0,8})x([1-9]\\d{0,8})");

  /**
   * Reads a shape such as {@code 4x2048}, four rows of 2,048 tokens.
   *
   * @throws IllegalArgumentException if it is not one
   */
  public static Shape parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not a shape; one is written BATCHxTOKENS, such as 4x2048");
    }
    return new Shape(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
  }

  /** Returns how many tokens the batch has. */
  public long size() {
    return (long) batch * tokens;
  }

  @Override
  public String toString() {
    return batch + "x" + tokens;
  }
}
