//! Lists of topic partitions.

use std::ffi::c_void;

use super::bindings::{Functions, TopicPartition, TopicPartitionList};
use super::client::c_string;
use super::error::{Result, text};

/// Topic, partition, offset, metadata.
pub type Position = (String, i32, i64, Option<Vec<u8>>);

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
}

/// A list of librdkafka's; destroyed when dropped.
pub struct Partitions {
    functions: &'static Functions,
    pub list: *mut TopicPartitionList,
}

impl Partitions {
    pub fn new(functions: &'static Functions, positions: &[Position]) -> Result<Self> {
        // SAFETY: any size is allowed.
        let list = unsafe { (functions.topic_partition_list_new)(positions.len() as i32) };
        let partitions = Self { functions, list };
        for (topic, partition, offset, metadata) in positions {
            let topic = c_string(topic)?;
            // SAFETY: the list is valid, the name is copied; the element stays where it is until the next is added.
            // Metadata belongs to the list, which frees it: so it has to come from malloc.
            unsafe {
                let element: *mut TopicPartition =
                    (functions.topic_partition_list_add)(list, topic.as_ptr(), *partition);
                (*element).offset = *offset;
                if let Some(metadata) = metadata.as_ref().filter(|metadata| !metadata.is_empty()) {
                    let copy = malloc(metadata.len());
                    if !copy.is_null() {
                        std::ptr::copy_nonoverlapping(metadata.as_ptr(), copy.cast(), metadata.len());
                        (*element).metadata = copy;
                        (*element).metadata_size = metadata.len();
                    }
                }
            }
        }
        Ok(partitions)
    }

    /// The elements as they are now; fails with the first that has an error.
    pub fn positions(&self) -> Result<Vec<Position>> {
        // SAFETY: the list is valid and has `count` elements.
        let elements = unsafe {
            let list = &*self.list;
            if list.count == 0 { &[] } else { std::slice::from_raw_parts(list.elements, list.count as usize) }
        };
        elements
            .iter()
            .map(|element| {
                self.functions.check(element.err)?;
                let metadata = (!element.metadata.is_null()).then(|| {
                    // SAFETY: metadata has so many bytes.
                    unsafe { std::slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size) }.to_vec()
                });
                Ok((text(element.topic), element.partition, element.offset, metadata))
            })
            .collect()
    }
}

impl Drop for Partitions {
    fn drop(&mut self) {
        // SAFETY: the list is valid and is not used any more.
        unsafe { (self.functions.topic_partition_list_destroy)(self.list) }
    }
}
