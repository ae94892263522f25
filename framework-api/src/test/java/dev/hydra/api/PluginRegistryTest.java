package dev.hydra.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import dev.hydra.api.Kinds.ColourFactory;
import dev.hydra.api.Kinds.ShapeFactory;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plugins of several kinds, and what a configuration chooses among them. */
class PluginRegistryTest {
  private static final PluginRegistry PLUGINS =
      PluginRegistry.of(new Kinds.Circle(), new Kinds.Square(), new Kinds.SquareColour());
  private static final Option<Config> SHAPE =
      Option.plugin("shape", "circle", "what it looks like");
  private static final Option<String> KEY = Option.text("type", "the shape").orElse("circle");
  private static final Option<Integer> SIZE = Option.integer("size", "how large").orElse(3);

  private static Config config(String hocon) {
    return ConfigFactory.parseString(
        hocon, ConfigParseOptions.defaults().setOriginDescription("test.conf"));
  }

  private static Choice<ShapeFactory> nested(String hocon) {
    Settings settings = Settings.read("part", config(hocon), List.of(SHAPE));
    return Choice.of(PLUGINS, ShapeFactory.class, "part.shape", settings.get(SHAPE));
  }

  private static Choice<ShapeFactory> beside(String hocon, Option<?>... common) {
    return Choice.beside(PLUGINS, ShapeFactory.class, "part", config(hocon), KEY, List.of(common));
  }

  private static String made(Choice<ShapeFactory> choice) {
    return choice.create(factory -> factory.create(choice.settings()));
  }

  private static void refused(String problem, Runnable action) {
    assertEquals(problem, assertThrows(ConfigException.class, action::run).getMessage());
  }

  @Test
  void findsByKindAndName() {
    assertEquals(List.of("circle", "square"), PLUGINS.of(ShapeFactory.class).names());
    assertEquals(List.of("square"), PLUGINS.of(ColourFactory.class).names());
    Registration square = PLUGINS.of(ColourFactory.class).all().get(0);
    assertEquals("colour", square.kind().name());
    assertEquals("colour", square.category());
    assertEquals(PluginId.of("dev.hydra.api", "unversioned"), square.plugin());
    assertEquals("SquareColour", square.as(ColourFactory.class).create(null));
    assertThrows(ClassCastException.class, () -> square.as(ShapeFactory.class));
    assertThrows(IllegalArgumentException.class, () -> PLUGINS.of(String.class));
  }

  @Test
  void aChoiceIsANameOrAnObject() {
    assertEquals("circle of 1", made(nested("")));
    assertEquals("Square", made(nested("shape = square")));
    assertEquals("circle of 4", made(nested("shape { type = circle, radius = 4 }")));
  }

  @Test
  void aChoiceNamesWhatIsWrong() {
    refused(
        "test.conf: 2: part.shape.type: unknown shape \"sqare\"; did you mean \"square\"? Known:"
            + " circle, square",
        () -> nested("\nshape = sqare"));
    refused(
        "test.conf: 1: part.shape: needs a type, one of: circle, square",
        () -> nested("shape { radius = 4 }"));
    refused(
        "test.conf: 1: part.shape.radus: unknown key \"radus\"; did you mean \"radius\"? Known:"
            + " radius, type",
        () -> nested("shape { type = circle, radus = 4 }"));
    refused(
        "test.conf: 1: part.shape: must be a name or an object { type = ... }, but is true",
        () -> nested("shape = true"));
  }

  @Test
  void optionsMayStandBesideOthers() {
    Choice<ShapeFactory> choice = beside("radius = 7, size = 5", SIZE);
    assertEquals("circle of 7", made(choice));
    assertEquals(5, choice.settings().get(SIZE));
    refused(
        "test.conf: 1: part.radius: unknown key \"radius\". Known: size, type",
        () -> beside("type = square, radius = 7", SIZE));
    refused(
        "test.conf: 2: part.type: unknown shape \"round\". Known: circle, square",
        () -> beside("\ntype = round"));
    refused(
        "test.conf: 1: part.type: shape circle of dev.hydra.api unversioned cannot be used: its option radius"
            + " has a name that is taken",
        () -> beside("type = circle", Option.integer("radius", "another").orElse(1)));
  }

  @Test
  void aFactoryThatFailsIsNamed() {
    Choice<ShapeFactory> choice = nested("shape { type = circle, radius = -1 }");
    IllegalStateException thrown = assertThrows(IllegalStateException.class, () -> made(choice));
    assertEquals(
        "shape circle of dev.hydra.api unversioned cannot be created: java.lang.ArithmeticException: less than"
            + " nothing",
        thrown.getMessage());
  }

  @Test
  void twoOfOneNameAndKindAreRefusedWhereTheyAreUsed() {
    PluginRegistry plugins =
        PluginRegistry.of(new Kinds.Circle(), new Kinds.OtherCircle(), new Kinds.Square());
    assertEquals(
        "Square", made(Choice.of(plugins, ShapeFactory.class, "part", config("type = square"))));
    refused(
        "test.conf: 1: part.type: several plugins offer the shape circle; keep one of them:"
            + " [dev.hydra.api unversioned, dev.hydra.api unversioned]",
        () -> Choice.of(plugins, ShapeFactory.class, "part", config("type = circle")));
  }

  @Test
  void aClassIsOfExactlyOneKind() {
    assertEquals(new Kind("shape", ShapeFactory.class), Kind.of(Kinds.Square.class));
    assertEquals(
        new Kind("component", ComponentFactory.class), Kind.ofInterface(ComponentFactory.class));
    assertRefused("java.lang.String is not a dev.hydra.api.Factory", String.class);
    assertRefused(
        "dev.hydra.api.Kinds$None is a factory of no known kind: none of its interfaces is marked"
            + " with @FactoryKind; implement one such as dev.hydra.api.ComponentFactory",
        Kinds.None.class);
    assertRefused(
        "dev.hydra.api.Kinds$Both is a factory of several kinds:"
            + " dev.hydra.api.Kinds$ShapeFactory, dev.hydra.api.Kinds$ColourFactory; make a class"
            + " of each",
        Kinds.Both.class);
    assertThrows(IllegalArgumentException.class, () -> PluginRegistry.of(new Kinds.Nameless()));
    assertThrows(IllegalArgumentException.class, () -> PluginRegistry.of(new Kinds.None()));
  }

  private static void assertRefused(String problem, Class<?> factory) {
    assertEquals(
        problem, assertThrows(IllegalArgumentException.class, () -> Kind.of(factory)).getMessage());
  }

  /** As on the class path, where one jar is broken. */
  @Test
  void whatCannotBeLoadedIsSkippedAndTheRestIsThere(@TempDir Path folder) throws IOException {
    Path services = Files.createDirectories(folder.resolve("META-INF/services"));
    Files.write(
        services.resolve(HydraPlugin.SERVICE),
        List.of(
            Loadable.class.getName(),
            "com.acme.Missing",
            PluginRegistryTest.class.getName(),
            LoadableNone.class.getName(),
            LoadableCircle.class.getName()));
    List<String> warnings = new ArrayList<>();
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
      PluginRegistry plugins = PluginRegistry.load(loader, warnings::add);
      assertEquals(List.of("loadable", "loadable-circle"), plugins.of(ShapeFactory.class).names());
    }
    assertEquals(3, warnings.size(), warnings.toString());
    assertEquals(
        "a plugin is skipped: dev.hydra.api.Factory: Provider com.acme.Missing not found",
        warnings.get(0));
  }

  /** What a ServiceLoader can make. */
  @HydraPlugin("loadable")
  public static final class Loadable extends Kinds.Plain implements ShapeFactory {}

  /** The same. */
  @HydraPlugin("loadable-circle")
  public static final class LoadableCircle extends Kinds.Plain implements ShapeFactory {}

  /** The same, but of no kind. */
  @HydraPlugin("loadable-none")
  public static final class LoadableNone extends Kinds.Plain {}
}
