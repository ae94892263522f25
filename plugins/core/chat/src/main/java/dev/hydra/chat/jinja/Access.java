package dev.hydra.chat.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads attributes, elements and slices. */
final class Access {
  private Access() {}

  /** Returns {@code value.name}: a method or an attribute, else an element. */
  static Object attribute(Object value, String name) {
    if (value instanceof Undefined nothing) {
      throw nothing.error();
    } else if (value instanceof Namespace space) {
      return space.values().getOrDefault(name, missing(value, name));
    } else if (value instanceof Loop loop) {
      return loop.attribute(name);
    }
    Optional<Callable> method = Methods.of(value, name);
    if (method.isPresent()) {
      return method.get();
    }
    return value instanceof Map<?, ?> map && map.get(name) != null
        ? map.get(name)
        : missing(value, name);
  }

  /** Returns {@code value[key]}: an element, else an attribute. */
  static Object element(Object value, Object key) {
    if (value instanceof Undefined nothing) {
      throw nothing.error();
    } else if (value instanceof Map<?, ?> map) {
      Object found = map.get(key);
      if (found != null) {
        return found;
      }
    } else if (key instanceof Long index && (value instanceof List<?> || value instanceof String)) {
      List<Object> all = Values.elements(value);
      long at = index < 0 ? index + all.size() : index;
      return at >= 0 && at < all.size() ? all.get((int) at) : missing(value, key.toString());
    }
    return key instanceof String name ? attribute(value, name) : missing(value, Values.str(key));
  }

  private static Undefined missing(Object value, String name) {
    return new Undefined(
        "'" + Values.type(value) + " object' has no attribute '" + name + "', which");
  }

  /** Returns {@code value[from:to:step]}; what is left out is {@link None}. */
  static Object slice(Object value, Object from, Object to, Object step) {
    if (value instanceof Undefined nothing) {
      throw nothing.error();
    }
    if (!(value instanceof String || value instanceof List<?>)) {
      throw new JinjaException("'" + Values.type(value) + "' object cannot be sliced");
    }
    List<Object> all = Values.elements(value);
    long stride = step == None.NONE ? 1 : Values.whole(step);
    if (stride == 0) {
      throw new JinjaException("slice step cannot be zero");
    }
    long size = all.size();
    long low = stride > 0 ? 0 : -1;
    long high = stride > 0 ? size : size - 1;
    long start = bound(from, size, low, high, stride > 0 ? low : high);
    long end = bound(to, size, low, high, stride > 0 ? high : low);
    List<Object> some = new ArrayList<>();
    for (long i = start; stride > 0 ? i < end : i > end; i += stride) {
      some.add(all.get((int) i));
    }
    return value instanceof String
        ? String.join("", some.stream().map(Values::str).toList())
        : some;
  }

  private static long bound(Object bound, long size, long low, long high, long otherwise) {
    if (bound == None.NONE) {
      return otherwise;
    }
    long at = Values.whole(bound);
    return Math.max(low, Math.min(high, at < 0 ? at + size : at));
  }
}
