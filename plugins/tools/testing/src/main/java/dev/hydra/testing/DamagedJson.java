package dev.hydra.testing;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Damages a JSON text in one place at a time: each of its values is left out, and is each of a few
 * others, so that whoever reads it meets every kind of value everywhere.
 */
public final class DamagedJson {
  private static final List<Object> OTHERS =
      List.of(
          "x",
          "",
          true,
          -1,
          0,
          0.5,
          2_000_000_000,
          1e300,
          BigInteger.TEN.pow(30),
          List.of(),
          List.of(List.of()),
          Map.of(),
          Map.of("x", 1));

  private final BiConsumer<String, String> use;

  private DamagedJson(BiConsumer<String, String> use) {
    this.use = use;
  }

  /**
   * Damages every value of a text, the outermost too.
   *
   * @param use is given the place with what was done there, such as {@code model.vocab.a = null},
   *     and the damaged text
   */
  public static void each(String json, BiConsumer<String, String> use) {
    try {
      Object whole = JSON.std.anyFrom(json);
      new DamagedJson(use).damage(whole, "", damaged -> damaged);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Puts a value into the place of the one that is looked at, and gives the whole text. */
  private interface Place {
    @Nullable Object whole(@Nullable Object value);
  }

  private void damage(@Nullable Object value, String at, Place place) throws IOException {
    replace(at, place, null);
    for (Object other : OTHERS) {
      if (!other.equals(value)) {
        replace(at, place, other);
      }
    }
    if (value instanceof Map<?, ?> map) {
      for (Object key : map.keySet()) {
        Map<Object, @Nullable Object> less = new LinkedHashMap<>(map);
        less.remove(key);
        use.accept(at + "." + key + " left out", JSON.std.asString(place.whole(less)));
        damage(map.get(key), at + "." + key, with -> place.whole(with(map, key, with)));
      }
    } else if (value instanceof List<?> list) {
      for (int i = 0; i < list.size(); i++) {
        int index = i;
        List<@Nullable Object> less = new ArrayList<>(list);
        less.remove(index);
        use.accept(at + "[" + i + "] left out", JSON.std.asString(place.whole(less)));
        damage(list.get(i), at + "[" + i + "]", with -> place.whole(with(list, index, with)));
      }
    }
  }

  private void replace(String at, Place place, @Nullable Object other) throws IOException {
    use.accept(at + " = " + other, JSON.std.asString(place.whole(other)));
  }

  private static Map<Object, @Nullable Object> with(
      Map<?, ?> map, Object key, @Nullable Object value) {
    Map<Object, @Nullable Object> changed = new LinkedHashMap<>(map);
    changed.put(key, value);
    return Collections.unmodifiableMap(changed);
  }

  private static List<@Nullable Object> with(List<?> list, int index, @Nullable Object value) {
    List<@Nullable Object> changed = new ArrayList<>(list);
    changed.set(index, value);
    return Collections.unmodifiableList(changed);
  }
}
