package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.NotJsonException;
import java.math.BigInteger;
import java.util.List;

/**
 * Token ids in JSON; what is not a whole number is none, and not taken for a similar one.
 *
 * @param named what the text is called in messages
 * @param form what it must be
 */
record TokenIds(String named, String form) {
  /** A sequence of ids. */
  static int[] row(String named, String json) {
    TokenIds ids = new TokenIds(named, "an array of token ids, such as [72,105]");
    return ids.row(ids.parsed(json), "");
  }

  /** Sequences of ids. */
  static int[][] rows(String named, String json) {
    TokenIds ids =
        new TokenIds(named, "an array of arrays of token ids, such as [[72,105],[33,10]]");
    List<?> list = ids.list(ids.parsed(json), "");
    int[][] rows = new int[list.size()][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = ids.row(list.get(i), "[" + i + "]");
    }
    return rows;
  }

  private Object parsed(String json) {
    try {
      Object value = JsonText.parse(json);
      return value == null ? "null" : value;
    } catch (NotJsonException e) {
      throw wrong("this is " + e.getMessage());
    }
  }

  private int[] row(Object value, String at) {
    List<?> list = list(value, at);
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      Object id = list.get(i);
      if (id instanceof Long || id instanceof BigInteger) {
        throw wrong(at + "[" + i + "] is " + id + ", and no vocabulary has as many tokens");
      }
      if (!(id instanceof Integer number)) {
        throw wrong(at + "[" + i + "] is " + id + ", not a whole number");
      }
      ids[i] = number;
    }
    return ids;
  }

  private List<?> list(Object value, String at) {
    if (value instanceof List<?> list) {
      return list;
    }
    throw wrong((at.isEmpty() ? "it" : at) + " is not an array");
  }

  private UsageException wrong(String problem) {
    return new UsageException(named + " must be " + form + ": " + problem);
  }
}
