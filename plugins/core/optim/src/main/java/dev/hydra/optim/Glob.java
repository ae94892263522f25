package dev.hydra.optim;

import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A pattern over the names of parameters: {@code *} stands for any characters, dots included,
 * {@code ?} for one, everything else for itself.
 */
public record Glob(String text) {
  /** Says whether the whole of a name is like this. */
  public boolean matches(String name) {
    String expression =
        text.chars()
            .mapToObj(
                c ->
                    switch (c) {
                      case '*' -> ".*";
                      case '?' -> ".";
                      default -> Pattern.quote(Character.toString(c));
                    })
            .collect(Collectors.joining());
    return Pattern.matches(expression, name);
  }
}
