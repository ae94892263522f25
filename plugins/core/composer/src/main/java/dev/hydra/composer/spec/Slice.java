package dev.hydra.composer.spec;

import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A choice among the blocks {@code 0..count-1}, written as in Python: {@code "5"}, {@code "-1"},
 * {@code "2:6"}, {@code "3::4"}, or several of these with commas.
 */
public record Slice(List<Part> parts) {
  private static final Pattern PART = Pattern.compile("(-?\\d+)|(-?\\d+)?:(-?\\d+)?(?::(\\d+)?)?");

  /** One part; {@code to} is exclusive, negative values count from the end. */
  private record Part(int from, int to, int step) {
    boolean contains(int index, int count) {
      int first = from < 0 ? Math.max(0, from + count) : from;
      int end = to < 0 ? to + count : to;
      return index >= first && index < end && (index - first) % step == 0;
    }
  }

  /** Reads a slice. */
  static Slice read(ConfigValue value, String path) {
    List<Part> parts = new ArrayList<>();
    for (String text : value.unwrapped().toString().split(",", -1)) {
      Matcher matcher = PART.matcher(text.strip());
      if (!matcher.matches()) {
        throw new ConfigException(
            value.origin(),
            path,
            "must choose blocks like \"5\", \"2:6\" or \"3::4\", but is " + value.render());
      }
      parts.add(part(matcher, value, path));
    }
    return new Slice(List.copyOf(parts));
  }

  private static Part part(Matcher matcher, ConfigValue value, String path) {
    try {
      if (matcher.group(1) != null) {
        int index = Integer.parseInt(matcher.group(1));
        return new Part(index, index == -1 ? Integer.MAX_VALUE : index + 1, 1);
      }
      int step = parse(matcher.group(4), 1);
      if (step < 1) {
        throw new ConfigException(value.origin(), path, "must have a step of at least 1");
      }
      return new Part(parse(matcher.group(2), 0), parse(matcher.group(3), Integer.MAX_VALUE), step);
    } catch (NumberFormatException e) {
      throw new ConfigException(value.origin(), path, "has a number that is too large");
    }
  }

  private static int parse(String text, int otherwise) {
    return text == null ? otherwise : Integer.parseInt(text);
  }

  /** Says whether block {@code index} of {@code count} is chosen. */
  boolean contains(int index, int count) {
    return parts.stream().anyMatch(part -> part.contains(index, count));
  }

  /** Says whether every part chooses at least one of {@code count} blocks. */
  boolean fits(int count) {
    return parts.stream()
        .allMatch(part -> IntStream.range(0, count).anyMatch(index -> part.contains(index, count)));
  }
}
