package dev.hydra.api;

import java.util.LinkedHashSet;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A kind of plugins, among which one choice in a configuration is made.
 *
 * @param name what plugins of the kind are called, such as {@code schedule}
 * @param type the interface that their factories implement
 */
public record Kind(String name, Class<?> type) {
  /**
   * Reads the kind of an interface that {@link FactoryKind} marks.
   *
   * @throws IllegalArgumentException if it is not marked: a programming error
   */
  public static Kind ofInterface(Class<?> type) {
    FactoryKind mark = type.getAnnotation(FactoryKind.class);
    if (mark == null) {
      throw new IllegalArgumentException(type + " lacks @FactoryKind");
    }
    return new Kind(mark.value(), type);
  }

  /**
   * Finds the kind that a class of factories belongs to.
   *
   * @throws IllegalArgumentException if it does not belong to exactly one, saying why
   */
  public static Kind of(Class<?> factory) {
    if (!Factory.class.isAssignableFrom(factory)) {
      throw new IllegalArgumentException(
          factory.getName() + " is not a " + Factory.class.getName());
    }
    Set<Class<?>> kinds = new LinkedHashSet<>();
    collect(factory, kinds);
    if (kinds.isEmpty()) {
      throw new IllegalArgumentException(
          factory.getName()
              + " is a factory of no known kind: none of its interfaces is marked with @"
              + FactoryKind.class.getSimpleName()
              + "; implement one such as "
              + ComponentFactory.class.getName());
    }
    if (kinds.size() > 1) {
      throw new IllegalArgumentException(
          factory.getName()
              + " is a factory of several kinds: "
              + kinds.stream().map(Class::getName).collect(Collectors.joining(", "))
              + "; make a class of each");
    }
    return ofInterface(kinds.iterator().next());
  }

  private static void collect(@Nullable Class<?> type, Set<Class<?>> kinds) {
    if (type == null) {
      return;
    }
    if (type.isInterface() && type.isAnnotationPresent(FactoryKind.class)) {
      kinds.add(type);
    }
    collect(type.getSuperclass(), kinds);
    for (Class<?> each : type.getInterfaces()) {
      collect(each, kinds);
    }
  }
}
