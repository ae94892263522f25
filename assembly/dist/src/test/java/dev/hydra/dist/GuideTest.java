package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.Site;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.tck.Conformance;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the guide for writers of components names is there. */
class GuideTest {
  private static final Path GUIDE = Path.of("../../examples/WRITING-A-COMPONENT.md");
  private static final Pattern CODE = Pattern.compile("`([^`\n]+)`");
  private static final Pattern MEMBER = Pattern.compile("(?<![\\w-])([A-Z]\\w+)\\.([a-z]\\w*)");
  private static final List<Class<?>> ONE_OF_EACH_PACKAGE =
      List.of(
          Site.class,
          Linear.class,
          Tensors.class,
          Grad.class,
          StandaloneComponent.class,
          Conformance.class);

  @Test
  void membersThatTheGuideNamesAreThere() throws IOException {
    List<String> known = new ArrayList<>();
    List<String> unknown = new ArrayList<>();
    Matcher code = CODE.matcher(Files.readString(GUIDE));
    while (code.find()) {
      Matcher member = MEMBER.matcher(code.group(1));
      while (member.find()) {
        (has(member.group(1), member.group(2)) ? known : unknown).add(member.group());
      }
    }
    assertThat(unknown).as(GUIDE + " names what is not there: " + unknown).isEmpty();
    assertTrue(known.size() > 15, "this test no longer finds what the guide names: " + known);
  }

  private static boolean has(String simpleName, String member) {
    return ONE_OF_EACH_PACKAGE.stream()
        .map(each -> load(each, simpleName))
        .flatMap(Optional::stream)
        .flatMap(type -> Stream.concat(Stream.of(type), Arrays.stream(type.getInterfaces())))
        .flatMap(type -> Arrays.stream(type.getMethods()))
        .anyMatch(method -> method.getName().equals(member));
  }

  private static Optional<Class<?>> load(Class<?> neighbour, String simpleName) {
    try {
      String name = neighbour.getPackageName() + "." + simpleName;
      return Optional.of(Class.forName(name, false, neighbour.getClassLoader()));
    } catch (ClassNotFoundException e) {
      return Optional.empty(); // it may be in another package
    }
  }
}
