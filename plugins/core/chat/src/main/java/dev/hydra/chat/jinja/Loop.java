package dev.hydra.chat.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The variable {@code loop} in the body of a loop. */
final class Loop {
  private final List<Object> items;
  private final int depth;
  private @Nullable Object last;
  private int index;

  Loop(List<Object> items, int depth) {
    this.items = items;
    this.depth = depth;
  }

  int depth() {
    return depth;
  }

  void at(int newIndex) {
    index = newIndex;
  }

  Object attribute(String name) {
    long size = items.size();
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> size - index;
      case "revindex0" -> size - index - 1;
      case "first" -> index == 0;
      case "last" -> index == size - 1;
      case "length" -> size;
      case "depth" -> depth + 1L;
      case "depth0" -> (long) depth;
      case "previtem" -> item(index - 1, name);
      case "nextitem" -> item(index + 1, name);
      case "cycle" -> (Callable) arguments -> arguments.positional().get(index % arguments.size());
      case "changed" -> (Callable) this::changed;
      default -> new Undefined("'loop." + name + "'");
    };
  }

  private Object item(int at, String name) {
    return at >= 0 && at < items.size() ? items.get(at) : new Undefined("'loop." + name + "'");
  }

  private Object changed(Arguments arguments) {
    Object now = arguments.positional();
    boolean changed = last == null || !Values.equal(last, now);
    last = now;
    return changed;
  }
}
