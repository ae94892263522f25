package dev.hydra.api;

import java.util.List;

/** Kinds of plugins, and plugins, for tests. */
final class Kinds {
  private Kinds() {}

  /** Draws something. */
  @FactoryKind("shape")
  interface ShapeFactory extends Factory<Settings, String> {}

  /** Another kind. */
  @FactoryKind("colour")
  interface ColourFactory extends Factory<Settings, String> {}

  @HydraPlugin("circle")
  static final class Circle implements ShapeFactory {
    static final Option<Integer> RADIUS = Option.integer("radius", "its size").orElse(1);

    @Override
    public List<Option<?>> options() {
      return List.of(RADIUS);
    }

    @Override
    public String create(Settings from) {
      if (from.get(RADIUS) < 0) {
        throw new ArithmeticException("less than nothing");
      }
      return "circle of " + from.get(RADIUS);
    }
  }

  /** A shape of the same name. */
  @HydraPlugin("circle")
  static final class OtherCircle extends Plain implements ShapeFactory {}

  @HydraPlugin("square")
  static final class Square extends Plain implements ShapeFactory {}

  /** A colour of the name of a shape. */
  @HydraPlugin("square")
  static final class SquareColour extends Plain implements ColourFactory {}

  @HydraPlugin("both")
  static final class Both extends Plain implements ShapeFactory, ColourFactory {}

  @HydraPlugin("none")
  static final class None extends Plain {}

  static final class Nameless extends Plain implements ShapeFactory {}

  /** Has no options. */
  abstract static class Plain implements Factory<Settings, String> {
    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public String create(Settings from) {
      return getClass().getSimpleName();
    }
  }
}
