package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.composer.config.OptionTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Every component, and every plugin of another kind, has a page, {@code docs/TYPE.md} in the folder
 * of its plugin, and the table of options there is what its options are. {@code
 * -Dhydra.pages=write} writes the tables.
 */
class ComponentPagesTest {
  private static final String BEGIN = "<!-- options -->\n";
  private static final String END = "<!-- /options -->\n";
  private static final List<Path> PLUGINS =
      List.of(Path.of("../../plugins/components"), Path.of("../../plugins/core"));

  @TestFactory
  Stream<DynamicTest> pages() {
    return PluginRegistry.load(ComponentPagesTest.class.getClassLoader(), Assertions::fail)
        .all()
        .stream()
        .filter(each -> !each.factory().getClass().getPackageName().startsWith("com.example"))
        .map(each -> DynamicTest.dynamicTest(each.type(), () -> check(each)));
  }

  private static void check(Registration plugin) throws IOException {
    Path page = page(plugin.type());
    String text = Files.readString(page);
    int begin = text.indexOf(BEGIN) + BEGIN.length();
    int end = text.indexOf(END);
    assertTrue(begin >= BEGIN.length() && end >= begin, page + " lacks " + BEGIN + END);
    String table = OptionTable.markdown(plugin.factory().options());
    if ("write".equals(System.getProperty("hydra.pages"))) {
      Files.writeString(page, text.substring(0, begin) + table + text.substring(end));
      return;
    }
    assertEquals(
        table,
        text.substring(begin, end),
        page + " is out of date; run this test with -Dhydra.pages=write");
    List<String> parts =
        plugin.factory() instanceof ComponentFactory
            ? List.of("## Options", "## Cost", "## State", "## Example")
            : List.of("## Options", "## Example");
    for (String part : parts) {
      assertThat(text).as(page + " lacks " + part).contains(part + "\n");
    }
  }

  private static Path page(String type) throws IOException {
    for (Path folder : PLUGINS) {
      try (Stream<Path> plugins = Files.list(folder)) {
        Optional<Path> page =
            plugins
                .map(plugin -> plugin.resolve("docs").resolve(type + ".md"))
                .filter(Files::exists)
                .findFirst();
        if (page.isPresent()) {
          return page.get();
        }
      }
    }
    return fail(type + " has no page docs/" + type + ".md");
  }
}
