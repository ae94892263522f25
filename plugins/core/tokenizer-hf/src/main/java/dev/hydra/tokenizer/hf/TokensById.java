package dev.hydra.tokenizer.hf;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The tokens of a file, each with an id that no other has. */
final class TokensById {
  /** No vocabulary has as many; an id that is wrong must not take all the memory. */
  private static final int MOST = 10_000_000;

  private final Map<Integer, String> tokens = new HashMap<>();
  private final Map<String, Integer> ids = new HashMap<>();
  private int size;

  /**
   * Adds a token.
   *
   * @param place where it stands in the file, for messages
   * @param id what the file says its id is
   * @return the id
   * @throws IOException if that is not a whole number that can be one, or another token's
   */
  int add(Supplier<String> place, String token, @Nullable Object id) throws IOException {
    int number = number(place, id);
    String other = tokens.put(number, token);
    if (other != null && !other.equals(token)) {
      throw new IOException(
          place.get()
              + " is "
              + number
              + ", but that is the id of "
              + Places.quoted(other)
              + ", too");
    }
    ids.put(token, number);
    size = Math.max(size, number + 1);
    return number;
  }

  private static int number(Supplier<String> place, @Nullable Object id) throws IOException {
    if (id instanceof Integer number && number >= 0 && number < MOST) {
      return number;
    }
    throw new IOException(
        place.get() + " is " + Places.shown(id) + ", not a whole number from 0 to " + (MOST - 1));
  }

  /** Returns the id of a token that was added. */
  Optional<Integer> id(String token) {
    return Optional.ofNullable(ids.get(token));
  }

  /** Returns how many tokens there are. */
  int count() {
    return tokens.size();
  }

  /** Returns every token at the place of its id; an empty text where there is a gap. */
  List<String> all() {
    List<String> all = new ArrayList<>(Collections.nCopies(size, ""));
    tokens.forEach(all::set);
    return all;
  }
}
