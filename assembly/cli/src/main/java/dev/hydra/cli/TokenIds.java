package dev.hydra.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Token ids in JSON; what is not a whole number is none, and not taken for a similar one. */
final class TokenIds {
  private TokenIds() {}

  /** An array of ids; empty for anything else. */
  static Optional<int[]> row(String json) throws IOException {
    return parsed(json).flatMap(TokenIds::row);
  }

  /** An array of arrays of ids; empty for anything else. */
  static Optional<int[][]> rows(String json) throws IOException {
    return parsed(json).flatMap(TokenIds::rows);
  }

  private static Optional<Object> parsed(String json) throws IOException {
    try {
      return Optional.ofNullable(JSON.std.anyFrom(json));
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }

  private static Optional<int[][]> rows(Object value) {
    if (!(value instanceof List<?> list)) {
      return Optional.empty();
    }
    List<Optional<int[]>> rows = list.stream().map(TokenIds::row).toList();
    return rows.stream().allMatch(Optional::isPresent)
        ? Optional.of(rows.stream().map(Optional::orElseThrow).toArray(int[][]::new))
        : Optional.empty();
  }

  private static Optional<int[]> row(Object value) {
    return value instanceof List<?> list && list.stream().allMatch(Integer.class::isInstance)
        ? Optional.of(list.stream().mapToInt(id -> (Integer) id).toArray())
        : Optional.empty();
  }
}
