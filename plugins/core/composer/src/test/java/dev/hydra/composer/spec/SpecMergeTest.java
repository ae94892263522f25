package dev.hydra.composer.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigRenderOptions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpecMergeTest {
  private static ModelSpec spec(String paths) {
    return ModelSpec.read(
        ConfigFactory.parseString(
            "model { width = 8, depth = 1, block.paths = [" + paths.strip() + "] }"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // before | next | now | merged
        "type=a,x=1     | type=a,x=1     | type=a,x=2     | type=a,x=2",
        "type=a,x=1     | type=a,x=3     | type=a,x=2     | type=a,x=3",
        "type=a,x=1,y=1 | type=a,x=3,y=1 | type=a,x=1,y=2 | type=a,x=3,y=2",
        "type=a,x=1     | type=a,x=1,z=5 | type=a,x=2     | type=a,x=2,z=5",
        "type=a,x=1,y=1 | type=a,y=1     | type=a,x=2,y=1 | type=a,y=1",
        "type=a,x=1     | type=a,x=1     | type=b,q=2     | type=b,q=2",
        "type=a,x=1     | type=a,x=3     | type=b,q=2     | type=a,x=3",
        "type=a,x=1     | type=c         | type=a,x=2     | type=c",
        "type=a,r{type=t,k=1},y=1 | type=a,r{type=t,k=1},y=2 | type=a,r{type=t,k=5},y=1 | type=a,r{type=t,k=5},y=2",
      })
  void whatTheNextPlanDoesNotChangeStaysAsItIs(
      String before, String next, String now, String merged) {
    ModelSpec found =
        SpecMerge.of(
            spec("{ mixer {" + before + "} }"),
            spec("{ mixer {" + next + "} }"),
            spec("{ mixer {" + now + "} }"));
    assertEquals(
        ConfigFactory.parseString(merged).root().render(ConfigRenderOptions.concise()),
        found.blocks().get(0).paths().get(0).config().root().render(ConfigRenderOptions.concise()));
  }

  @Test
  void pathsComeAndGoAsPlanned() {
    ModelSpec before = spec("{ mixer = a }, { ffn = b }");
    ModelSpec next = spec("{ ffn = b, gate = 0.5 }, { memory = c }");
    ModelSpec now = spec("{ mixer = x }, { ffn = y }");
    ModelSpec merged = SpecMerge.of(before, next, now);
    assertEquals(
        List.of("ffn y", "memory c"),
        merged.blocks().get(0).paths().stream()
            .map(path -> path.name() + " " + path.config().getString("type"))
            .toList());
    assertEquals(
        List.of("blocks.0.ffn CHANGED", "blocks.0.memory ADDED", "blocks.0.mixer REMOVED"),
        PathChange.between(before, next).stream()
            .map(change -> change.site() + " " + change.kind())
            .toList());
  }
}
