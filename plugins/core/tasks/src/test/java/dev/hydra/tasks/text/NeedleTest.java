package dev.hydra.tasks.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.Tasks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NeedleTest {
  private static final String OPTIONS =
      "file = a.txt, lengths = [100, 200], longer = [300], needles = 2, digits = 2";

  @TempDir Path folder;

  @BeforeEach
  void write() throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 20000; i++) {
      text.append("word").append((char) ('a' + i * i % 26)).append(' ');
    }
    Files.writeString(folder.resolve("a.txt"), text);
  }

  private Task task(String options) {
    return Tasks.create(new NeedleFactory(), options, List.of(folder));
  }

  @Test
  void everyExampleIsInOrder() {
    Tasks.check(task(OPTIONS));
  }

  @Test
  void theNumberOfTheNeedleIsAskedFor() {
    Pattern needle = Pattern.compile(" The number of ([A-Z]) is (\\d\\d)\\.");
    int last = 0;
    for (int seed = 0; seed < 50; seed++) {
      Example example = Tasks.example(task(OPTIONS), 2, seed);
      byte[] bytes = new byte[example.length()];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) example.tokens()[i];
      }
      String text = new String(bytes, StandardCharsets.US_ASCII);
      assertEquals(300, text.length());
      String asked = text.substring(text.lastIndexOf("of ") + 3).substring(0, 1);
      int[] targets = example.targets();
      String answer = "" + (char) targets[298] + (char) targets[299];
      Matcher found = needle.matcher(text);
      int needles = 0;
      int right = 0;
      while (found.find()) {
        needles++;
        right += found.group(1).equals(asked) && found.group(2).equals(answer) ? 1 : 0;
        last += found.group(1).equals(asked) && needles == 2 ? 1 : 0;
      }
      assertEquals(2, needles);
      assertEquals(1, right);
    }
    assertThat(last).isBetween(10, 40); // either of the two
  }

  @Test
  void otherNeedlesAreAskedForAfterItAndNotMeasured() {
    Pattern needle = Pattern.compile(" The number of ([A-Z]) is (\\d\\d)\\.");
    for (int seed = 0; seed < 20; seed++) {
      Example example =
          Tasks.example(task(OPTIONS + ", lengths = [200], needles = 4, questions = 3"), 1, seed);
      assertEquals(300, example.length());
      StringBuilder read = new StringBuilder();
      for (int token : example.tokens()) {
        read.append((char) token);
      }
      Matcher found = needle.matcher(read);
      Map<String, String> numbers = new LinkedHashMap<>();
      List<String> asked = new ArrayList<>();
      while (found.find()) {
        if (numbers.putIfAbsent(found.group(1), found.group(2)) != null) {
          asked.add(found.group(1));
          assertEquals(numbers.get(found.group(1)), found.group(2)); // as it was said
        }
      }
      asked.add(read.substring(read.lastIndexOf("of ") + 3).substring(0, 1));
      assertEquals(4, numbers.size());
      assertEquals(3, Set.copyOf(asked).size());
      assertEquals(1, example.answerCount());
      StringBuilder predicted = new StringBuilder();
      StringBuilder measured = new StringBuilder();
      for (int i = 0; i < example.length(); i++) {
        if (example.targets()[i] != Example.NONE) {
          predicted.append((char) example.targets()[i]);
          measured.append(example.answers()[i] == 0 ? (char) example.targets()[i] : "");
        }
      }
      assertEquals(String.join("", asked.stream().map(numbers::get).toList()), "" + predicted);
      assertEquals(numbers.get(asked.get(0)), "" + measured);
    }
  }

  @Test
  void aLanguageModelPredictsEveryByte() {
    String options = OPTIONS + ", lengths = [200], needles = 4, questions = 3";
    for (int seed = 0; seed < 20; seed++) {
      Example asked = Tasks.example(task(options), 0, seed);
      Example read = Tasks.example(task(options + ", language-model = true"), 0, seed);
      assertEquals(asked, read);
      assertArrayEquals(asked.answers(), read.answers());
      int[] tokens = read.tokens();
      for (int i = 0; i < tokens.length - 1; i++) {
        assertEquals(tokens[i + 1], read.targets()[i]);
      }
      int last = tokens.length - 1;
      assertEquals(asked.targets()[last], read.targets()[last]);
    }
  }

  @Test
  void mistakesAreNamed() {
    assertThat(problem("file = none.txt")).contains("file", "none.txt");
    assertThat(problem("file = a.txt, lengths = [20]")).contains("lengths", "20 is not between");
    assertThat(problem("file = a.txt, lengths = [100], longer = [4000]"))
        .contains("longer", "4000");
    assertThat(problem("file = a.txt, lengths = [200], longer = [], needles = 5, names = 4"))
        .contains("at most names = 4");
    assertThat(problem("file = a.txt, lengths = [200], longer = [], needles = 2, questions = 3"))
        .contains("questions", "at most needles = 2");
  }

  private String problem(String options) {
    return assertThrows(ConfigException.class, () -> task(options)).getMessage();
  }
}
