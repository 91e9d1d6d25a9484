import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Configurable;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/** Applies Kafka Connect's own transformations: a line of JSON in for each case, a line of JSON out. */
@SuppressWarnings({"unchecked", "rawtypes"})
public final class ConnectTransforms {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonConverter CONVERTER = new JsonConverter();
    private static final SimpleHeaderConverter HEADERS = new SimpleHeaderConverter();

    private record Step(Transformation transform, Predicate predicate, boolean negate) {}

    public static void main(String[] arguments) throws Exception {
        CONVERTER.configure(Map.of("converter.type", "value", "schemas.enable", "true"));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
        }
    }

    private static ObjectNode answer(JsonNode request) {
        ObjectNode answer = JSON.createObjectNode();
        List<Step> steps = new ArrayList<>();
        try {
            for (JsonNode step : request.get("steps")) {
                steps.add(step(step));
            }
        } catch (Exception error) {
            return answer.put("unusable", String.valueOf(error.getMessage()));
        }
        ArrayNode results = answer.putArray("results");
        for (JsonNode record : request.get("records")) {
            results.add(result(steps, record));
        }
        return answer;
    }

    private static Step step(JsonNode node) throws Exception {
        Transformation transform = (Transformation) made(node);
        JsonNode predicate = node.get("predicate");
        return new Step(transform, predicate == null ? null : (Predicate) made(predicate),
            node.path("negate").asBoolean());
    }

    private static Object made(JsonNode node) throws Exception {
        Object plugin = Class.forName(node.get("type").asText()).getDeclaredConstructor().newInstance();
        Map<String, String> config = new HashMap<>();
        node.get("config").fields().forEachRemaining(entry -> config.put(entry.getKey(), entry.getValue().asText()));
        ((Configurable) plugin).configure(config);
        return plugin;
    }

    private static ObjectNode result(List<Step> steps, JsonNode node) {
        ObjectNode result = JSON.createObjectNode();
        try {
            ConnectRecord record = record(node);
            for (Step step : steps) {
                if (step.predicate() != null && step.predicate().test(record) == step.negate()) {
                    continue;
                }
                record = step.transform().apply(record);
                if (record == null) {
                    return result.put("dropped", true);
                }
            }
            result.put("topic", record.topic());
            result.put("timestamp", record.timestamp());
            result.set("key", tree(record.topic(), record.keySchema(), record.key()));
            result.set("value", tree(record.topic(), record.valueSchema(), record.value()));
            ArrayNode headers = result.putArray("headers");
            for (Object each : record.headers()) {
                Header header = (Header) each;
                byte[] text = HEADERS.fromConnectHeader(record.topic(), header.key(), header.schema(), header.value());
                headers.addArray().add(header.key()).add(text == null ? null : new String(text, StandardCharsets.UTF_8));
            }
            return result;
        } catch (Exception error) {
            return JSON.createObjectNode().put("error", error.getClass().getSimpleName())
                .put("message", String.valueOf(error.getMessage()));
        }
    }

    private static ConnectRecord record(JsonNode node) throws Exception {
        String topic = node.get("topic").asText();
        SchemaAndValue key = data(topic, node.get("key"));
        SchemaAndValue value = data(topic, node.get("value"));
        Long timestamp = node.get("timestamp").isNull() ? null : node.get("timestamp").asLong();
        ConnectHeaders headers = new ConnectHeaders();
        for (JsonNode header : node.get("headers")) {
            headers.addString(header.get(0).asText(), header.get(1).isNull() ? null : header.get(1).asText());
        }
        if (node.get("offset").isNull()) {
            return new SourceRecord(Map.of(), Map.of(), topic, null, key.schema(), key.value(), value.schema(),
                value.value(), timestamp, headers);
        }
        return new SinkRecord(topic, node.get("partition").asInt(), key.schema(), key.value(), value.schema(),
            value.value(), node.get("offset").asLong(), timestamp, TimestampType.CREATE_TIME, headers);
    }

    private static SchemaAndValue data(String topic, JsonNode envelope) throws Exception {
        return CONVERTER.toConnectData(topic, envelope.isNull() ? null : JSON.writeValueAsBytes(envelope));
    }

    private static JsonNode tree(String topic, org.apache.kafka.connect.data.Schema schema, Object value)
        throws Exception {
        byte[] data = CONVERTER.fromConnectData(topic, schema, value);
        return data == null ? JSON.nullNode() : JSON.readTree(data);
    }
}
